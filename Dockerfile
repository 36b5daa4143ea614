# Two stages: packages come and the wheel is built in the first; the image that runs has neither pip nor a build tool.
# Nothing is installed, not even to build with, whose hash is not in a lock file (`.ci/lock` writes them).
FROM python:3.13-slim AS build
WORKDIR /src
COPY .ci/requirements.lock .ci/requirements.build.lock ./
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --only-binary :all: --require-hashes -r requirements.build.lock
RUN python -m venv --without-pip /opt/dealerproxy \
    && /opt/build/bin/pip --python /opt/dealerproxy install --no-cache-dir --only-binary :all: \
        --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY translations translations
COPY dealerproxy dealerproxy
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/build/bin/pip --python /opt/dealerproxy install --no-cache-dir --no-index --no-deps dist/*.whl

FROM python:3.13-slim
COPY --from=build /opt/dealerproxy /opt/dealerproxy
# Where a volume for captured pages goes; all else may be read-only.
RUN install --directory --owner=10001 --group=10001 /captures
ENV PATH=/opt/dealerproxy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DEALERPROXY_HOST=0.0.0.0 DEALERPROXY_PORT=8080
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["python", "-c", \
    "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['DEALERPROXY_PORT']), timeout=2); c.request('GET', '/health/live'); raise SystemExit(c.getresponse().status != 200)"]
CMD ["dealerproxy", "serve"]
