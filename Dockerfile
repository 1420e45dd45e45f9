# The service in one container: API and one worker, data in the volume /data.
#
#   docker build -t recsvc .
#   docker run --read-only --tmpfs /tmp -v recsvc-data:/data -p 8000:8000 recsvc

# The newest patch of the release; docker/compose.yaml and `make image` name one exactly, so that an image can be
# built again.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src

# Dependencies change seldom: their layer is made again only when the lock does.
# The environment has no pip: the one outside installs into it. The tests of packages are not run here.
RUN python -m venv --without-pip /opt/recsvc
COPY requirements-runtime.lock .
RUN pip --python /opt/recsvc/bin/python install --quiet --no-compile --require-hashes -r requirements-runtime.lock \
 && find /opt/recsvc/lib/python3.11/site-packages -type d -name tests -prune -exec rm -rf {} + \
 && find /opt/recsvc/lib/python3.11/site-packages -name '*.pyi' -delete

COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY docs/reference docs/reference
COPY recsvc recsvc
# The compiled kernels are valid for a source of one time stamp; layers keep whole seconds, so give it one.
RUN pip install --quiet hatchling==1.33.0 \
 && pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && pip --python /opt/recsvc/bin/python install --quiet --no-compile --no-deps /tmp/wheel/*.whl \
 && find /opt/recsvc/lib/python3.11/site-packages/recsvc -name '*.py' -exec touch -d 2026-01-01T00:00:00Z {} + \
 && /opt/recsvc/bin/python -m compileall -qf /opt/recsvc/lib/python3.11/site-packages/recsvc \
      /opt/recsvc/lib/python3.11/site-packages/psycopg
# The whole way once, for both kinds of machine: whatever the service will need is compiled by then, kernels and
# modules. The modules that it does not import get no bytecode.
RUN export PATH=/opt/recsvc/bin:$PATH NUMBA_CACHE_DIR=/opt/recsvc/kernels RECSVC_HOME=/tmp/shop \
 && recsvc demo --once --port 0 --home /tmp/shop \
 && recsvc train --kind item_rbm --set epochs=1 --publish always \
 && recsvc recommend reader-001 \
 && rm -rf /tmp/shop \
 && chmod -R a+rX /opt/recsvc     # commands create files for their owner only


FROM python:${PYTHON}-slim-bookworm
LABEL org.opencontainers.image.title="recsvc" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/recsvc /opt/recsvc
# What can install packages is of no use here, and of use to an intruder.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.11/ensurepip \
      /usr/local/lib/python3.11/site-packages/pip* \
      /usr/local/lib/python3.11/site-packages/setuptools* \
      /usr/local/lib/python3.11/site-packages/wheel* \
 && mkdir -m 700 /data && chown 10001:10001 /data

# The kernels were compiled on the builder's processor. On another kind they are compiled again when first
# needed; since this folder cannot be written to, the service then works on a copy in /data/kernels.
ENV PATH=/opt/recsvc/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RECSVC_HOME=/data \
    NUMBA_CACHE_DIR=/opt/recsvc/kernels
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4).read()"]
CMD ["recsvc", "serve", "--host", "0.0.0.0", "--port", "8000"]
