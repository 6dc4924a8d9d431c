# Two stages: the first installs the locked packages, the second carries only what runs.
FROM python:3.13.5-slim-bookworm AS build
WORKDIR /app
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.txt .
RUN pip install --disable-pip-version-check --no-cache-dir --only-binary :all: \
        --require-hashes -r requirements.txt
COPY engine engine
COPY bot bot
COPY config.toml LICENSE ./
# The root is read-only later, so byte code is made now.
RUN python -m compileall -q engine bot

FROM python:3.13.5-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin breakout \
    && install --directory --owner=breakout --group=breakout --mode=0700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    BREAKOUT_STATE_DIR=/data
USER breakout
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-m", "bot", "health"]
ENTRYPOINT ["python", "-m", "bot"]
