#!/bin/sh
# Build the image localhost/loa:VERSION without a registry, as root: a base made by mmdebstrap, and the wheel of `dist` in it.
set -eu
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' deploy/__init__.py)
for program in buildah mmdebstrap; do
    command -v $program >/dev/null || { echo "no $program: apt-get install buildah mmdebstrap" >&2; exit 1; }
done
base=$(pwd)/var/image-base
if [ ! -e "$base/done" ]; then
    rm -rf "$base"; mkdir -p var
    mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates,passwd,postgresql-client,binutils trixie "$base"
    made=$(buildah from scratch)
    buildah add --quiet "$made" "$base" / >/dev/null
    buildah commit --quiet --rm "$made" localhost/loa-base >/dev/null
    touch "$base/done"
fi
# Packages come from where pip finds them, behind the certificates that this machine trusts.
certificates=/etc/ssl/certs/ca-certificates.crt
# By itself buildah asks for higher limits than a machine may allow.
limits="--ulimit nofile=$(ulimit -Hn) --ulimit nproc=$(prlimit --nproc --output HARD --noheadings)"
buildah build --isolation chroot $limits --volume $certificates:$certificates:ro --build-arg PIP_CERT=$certificates --build-arg BASE=localhost/loa-base --quiet --file deploy/docker/Dockerfile --tag "localhost/loa:$version" . >/dev/null
buildah images "localhost/loa:$version"
