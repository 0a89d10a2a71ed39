# The trainer's image, in which a test sets the clock of the one process: by how many seconds it is off stands in /tmp/faketime.
ARG BASE
FROM ${BASE} AS faketime
RUN apt-get update --quiet --quiet && apt-get install --quiet --quiet --yes --no-install-recommends libfaketime

FROM localhost/epochal-trainer:dev
COPY --from=faketime /usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 /opt/
# A monotonic clock does not jump.
ENV LD_PRELOAD=/opt/libfaketimeMT.so.1 FAKETIME_TIMESTAMP_FILE=/tmp/faketime FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1
