FROM python:3.13-slim AS build
WORKDIR /source
COPY setup.cfg pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .
# Mastodon's Redis can be asked; `redis,celery` is for the workers of mastodon-remedy.
ARG EXTRAS=redis
RUN python -m venv /opt/mastodon-exporter \
    && /opt/mastodon-exporter/bin/pip install --no-cache-dir "$(echo /wheels/*.whl)[$EXTRAS]"

FROM python:3.13-slim
# The numbers are fixed, so that the owner of a mounted state folder stays right with the next image.
RUN groupadd --system --gid 10747 mastodon-exporter \
    && useradd --system --uid 10747 --gid mastodon-exporter --no-create-home \
        --home-dir /var/lib/mastodon-exporter --shell /usr/sbin/nologin mastodon-exporter \
    && install --directory --owner mastodon-exporter --group mastodon-exporter --mode 2770 /var/lib/mastodon-exporter
COPY --from=build /opt/mastodon-exporter /opt/mastodon-exporter
ENV PATH=/opt/mastodon-exporter/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10747:10747
WORKDIR /var/lib/mastodon-exporter
VOLUME /var/lib/mastodon-exporter
EXPOSE 10747
# With a web config, this plain question is answered with 400 (TLS) or 401 (password): the exporter is there all the same.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["python", "-c", "import http.client; c = http.client.HTTPConnection('127.0.0.1', 10747, timeout=4); c.request('GET', '/-/healthy'); raise SystemExit(c.getresponse().status not in (200, 400, 401))"]
ENTRYPOINT ["mastodon-exporter"]
CMD ["serve", "--listen", "0.0.0.0:10747", "--config", "/etc/mastodon-exporter/config.yml"]
