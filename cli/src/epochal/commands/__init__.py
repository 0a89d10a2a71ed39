"""The commands, a module each. A module imports other libraries only within the function of its command."""
