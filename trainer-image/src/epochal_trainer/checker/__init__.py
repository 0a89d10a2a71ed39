"""The checker: a service that builds networks without values, so that their errors are found before a pod exists.

A question is a network to build, and its answer has the shapes and errors of the layers (epochal_api.checker).

Processes: `server` answers HTTP requests without Keras. `zygote` imports Keras once, and is forked for each question.
So a question needs no import, and a crash affects no other question. A few forked processes stay after their answer,
with the layers that they built. If a later question has the same first layers, such a process is forked instead of the
zygote, so that only the other layers are built.
"""
