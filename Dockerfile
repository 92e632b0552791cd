# vizd in a container, from the package that scripts/deb builds:
#
#     scripts/deb && docker build -t vizd .
#     docker run --read-only --tmpfs /tmp -v spool:/var/spool/vizd -v state:/var/lib/vizd \
#         -v /srv/app/wardrobe_photos:/srv/vizd/wardrobe_photos -e RUNWAY_API_KEY vizd
#
# Not built by this project's tests: where they run there is no container engine. The package in it is
# (scripts/deb --test). Spool and state belong together, each on a volume that outlives the container; stop it with
# SIGTERM, which docker does, and give it its five seconds.
FROM debian:bookworm-slim
COPY .build-deb/vizd_*.deb /tmp/
RUN apt-get update \
    && apt-get install -y --no-install-recommends $(ls -v /tmp/vizd_*.deb | tail -1) \
    && rm -rf /var/lib/apt/lists/* /tmp/vizd_*.deb
USER vizd
WORKDIR /srv/vizd
VOLUME ["/var/spool/vizd", "/var/lib/vizd"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/vizd"]
CMD ["run"]
