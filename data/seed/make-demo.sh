#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes the demo list in FOLDER: two mirrors of news.example on loopback. The keys in data/seed/demo are published and
# so worthless; nobody but a demo may trust their root.
#
# Lists and registrations expire within days, hence no signed list is kept: this runs at every start of the demo.
# With DEMO=FOLDER, keys and root are taken from there, and made if there are none: then it is the whole path
# from nothing to a list, by `polynya` alone. MIRROR_PORT is where the mirrors listen (443).
# Versions are the seconds of now, so they only ever grow.
set -eu
[ $# = 1 ] || { echo "usage: make-demo.sh FOLDER" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
polynya=$(cd "${POLYNYA_BUILD:-$here/../../build}" && pwd)/polynya
demo=${DEMO:-$here/demo}
list=$1
version=$(date +%s)
port=${MIRROR_PORT:-443}

# Once: the keys of the three roles and of the outlet, and the root that names the roles.
if [ ! -e "$demo/root-1.json" ]; then
    mkdir -p "$demo/keys"
    for name in root maintainer publisher outlet; do
        "$polynya" key new "$demo/keys/$name.key" --comment "WORTHLESS demo key of the $name: published, trust nothing it signs"
    done
    "$polynya" root new --root-key "$demo/keys/root.pub" --maintainer "$demo/keys/maintainer.pub" \
        --publisher "$demo/keys/publisher.pub" --expires 2120-01-01T00:00:00Z --key "$demo/keys/root.key" --out "$demo"
fi

mkdir -p "$list/registrations"
cp "$demo/root-1.json" "$list/root-1.json"

# The outlet says where its mirrors are.
"$polynya" registration new news.example --name @ --name www --seq "$version" \
    --mirror "m1,127.0.0.2,port=$port,alpn=h2,alpn=http/1.1" --mirror "m2,127.0.0.3,port=$port,alpn=h2,alpn=http/1.1" \
    --key "$demo/keys/outlet.key" --out "$list/registrations/news.example.json" --replace
"$polynya" registration check "$list/registrations/news.example.json" --key "$demo/keys/outlet.pub" --allow-special-use

# A maintainer binds the outlet's key to the domain.
"$polynya" delegate "$list/delegations.json" news.example --outlet-key "$demo/keys/outlet.pub" --blocked RU=dns,ip \
    --key "$demo/keys/maintainer.key" --set-version "$version"

# The publisher puts it together, and a reader would accept it.
"$polynya" publish "$list" --key "$demo/keys/publisher.key" --set-version "$version" --allow-special-use
"$polynya" list verify "$list" --root "$demo/root-1.json" --allow-special-use
