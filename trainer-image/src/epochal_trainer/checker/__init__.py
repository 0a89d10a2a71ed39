"""The checker: a service that builds networks without values, so that their errors are found before a pod exists.

Processes: `server` answers HTTP without Keras. `zygote` imports Keras once, and is forked for each question, so that a
question costs no import, and cannot harm another one. A forked process that has answered stays for a while, and is
forked itself for a question whose first layers are the same: only the other layers are built again.
"""
