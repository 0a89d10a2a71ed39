"""The operator: reconciles Epochal's objects, schedules their pods and maintains their status and metrics."""
