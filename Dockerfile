# Two stages: wheels are built where there is pip and a cache, the image that runs has neither compiler nor pip cache.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY translations translations
COPY dealerproxy dealerproxy
RUN python -m venv /opt/dealerproxy && /opt/dealerproxy/bin/pip install --no-cache-dir . \
    && /opt/dealerproxy/bin/pip uninstall --yes pip

FROM python:3.13-slim
COPY --from=build /opt/dealerproxy /opt/dealerproxy
# By number, so that an orchestrator can see that it is not root.
USER 10001
ENV PATH=/opt/dealerproxy/bin:$PATH PYTHONUNBUFFERED=1 DEALERPROXY_HOST=0.0.0.0 DEALERPROXY_PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['DEALERPROXY_PORT'] + '/health/live', timeout=2)"]
CMD ["dealerproxy", "serve"]
