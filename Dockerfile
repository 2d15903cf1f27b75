# The worker's image. Your tasks go into one of your own:
#
#     FROM mrq-cloud
#     COPY --chown=mrq:mrq tasks.py mrq-config.py ./
#     CMD ["high", "default", "--greenlets", "20"]

ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /src
# What others have written changes seldom: layers of its own.
COPY requirements/build.lock requirements/container.lock requirements/
RUN python -m venv /tools && /tools/bin/pip install --require-hashes --requirement requirements/build.lock \
    && python -m venv /opt/mrq \
    && /opt/mrq/bin/pip install --require-hashes --only-binary :all: --requirement requirements/container.lock

COPY pyproject.toml README.md LICENSE ./
# They are in the wheel; nothing of them is installed.
COPY requirements/lambda.lock requirements/lambda-dashboard.lock requirements/
COPY core core
COPY adapters adapters
COPY dashboard dashboard
COPY examples examples
# The worker needs no page of the dashboard.
RUN MRQ_PAGE=skip /tools/bin/python -m hatchling build --target wheel \
    && /opt/mrq/bin/pip install --no-deps --no-index dist/*.whl \
    && /opt/mrq/bin/pip uninstall --yes setuptools pip


# Runs the tests: `docker compose run --rm --build tests`
FROM python:${PYTHON}-slim-bookworm AS tests

# libcurl4: mongod needs it. The tests also start servers of their own, to kill them.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libcurl4 make procps \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make setup
CMD ["make", "test"]


FROM python:${PYTHON}-slim-bookworm AS worker

LABEL org.opencontainers.image.title="mrq-cloud" \
      org.opencontainers.image.description="A worker of MRQ, a job queue on MongoDB and Redis" \
      org.opencontainers.image.licenses="MIT"

RUN useradd --system --uid 10001 --user-group --create-home --home-dir /app mrq
COPY --from=build /opt/mrq /opt/mrq

# A graceful stop interrupts what still runs after MRQ_STOP_TIMEOUT seconds; its job is queued again. Interrupting
# and the last writes take up to 20 seconds more, so the platform should kill after 120 (the most ECS allows).
# Where it kills sooner, set MRQ_STOP_TIMEOUT to 20 seconds less than that.
ENV PATH=/opt/mrq/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MRQ_LOG_LEVEL=INFO \
    MRQ_STOP_TIMEOUT=100

WORKDIR /app
USER 10001

# SIGINT: finish what runs. SIGTERM would interrupt it.
STOPSIGNAL SIGINT

# Whether the worker lives is watched from inside: its guard replaces a worker that hangs or dies, and the
# container ends with the guard. A probe of MongoDB here would stop healthy workers in an outage.
HEALTHCHECK NONE

ENTRYPOINT ["mrq-worker"]
