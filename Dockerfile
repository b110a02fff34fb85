# The gateway with its engine and simulated venues. Data, journal and keys live in the volume /var/lib/bestex.
FROM python:3.11-slim

RUN useradd --system --create-home --home-dir /var/lib/bestex bestex \
 && install -d -o bestex /opt/bestex-cache
WORKDIR /opt/bestex

# The lock first: it changes seldom, so its layer is kept.
COPY requirements/core.lock requirements/core.lock
RUN pip install --no-cache-dir --require-hashes -r requirements/core.lock

COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

USER bestex
ENV BESTEX_HOME=/var/lib/bestex BESTEX_CACHE_DIR=/opt/bestex-cache BESTEX_HOST=0.0.0.0
# Kernels compile while the image is built, so that the first start is a warm one.
RUN bestex warmup
VOLUME /var/lib/bestex
EXPOSE 8080
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
  CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"
CMD ["bestex", "up"]
