#!/bin/sh
# Build the image localhost/loa:VERSION without a registry, as root: a base made by debootstrap, and the wheel of `dist` in it.
set -eu
version=$(sed -n 's/^VERSION = "\(.*\)"$/\1/p' deploy/__init__.py)
for program in buildah debootstrap; do
    command -v $program >/dev/null || { echo "no $program: apt-get install buildah debootstrap" >&2; exit 1; }
done
base=$(pwd)/var/image-base
if [ ! -e "$base/done" ]; then
    rm -rf "$base"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,postgresql-client trixie "$base" >/dev/null
    rm -rf "$base"/var/cache/apt/archives/*.deb "$base"/var/lib/apt/lists/*
    touch "$base/done"
    made=$(buildah from scratch)
    buildah add --quiet "$made" "$base" / >/dev/null
    buildah commit --quiet --rm "$made" localhost/loa-base >/dev/null
fi
# Packages come from where this machine's pip has them.
python=$("$VENV/bin/python" -c 'import sys; print(sys.executable)')
mkdir -p dist/wheels
"$python" -m pip download -q --dest dist/wheels --python-version 3.13 --only-binary=:all: dist/loa-"$version"-py3-none-any.whl
buildah build --isolation chroot --build-arg BASE=localhost/loa-base --quiet --file deploy/docker/Dockerfile --tag "localhost/loa:$version" . >/dev/null
buildah images "localhost/loa:$version"
