#!/bin/sh
# Says whether an OTA release of Slipway is to be believed, asking nobody: POSIX sh with openssl. See docs/OTA-SIGNATURES.md.
#
# Usage: verify.sh --workspace NAME --key PINNED.pem --state DIR --snapshot FILE
#                  [--metadata FILE --app APP --environment ENV --cpu-arch ARCH [--file BINARY]]
#
# With the snapshot alone, only that is checked. DIR is the device's memory: the key that it trusts by now, and the last
# snapshot. Ends with 0 for yes, 1 and a reason for no, 2 for wrong options.
set -euf
umask 077
export LC_ALL=C

usage() { sed -n '4,8s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
refuse() { printf 'refused: %s\n' "$*" >&2 && exit 1; }

workspace='' pinned='' state='' snapshot='' metadata='' app='' environment='' cpu_arch='' file=''
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --workspace) workspace=$2 ;;
    --key) pinned=$2 ;;
    --state) state=$2 ;;
    --snapshot) snapshot=$2 ;;
    --metadata) metadata=$2 ;;
    --app) app=$2 ;;
    --environment) environment=$2 ;;
    --cpu-arch) cpu_arch=$2 ;;
    --file) file=$2 ;;
    *) usage ;;
  esac
  shift 2
done
{ [ -n "$workspace" ] && [ -n "$pinned" ] && [ -n "$state" ] && [ -n "$snapshot" ]; } || usage
[ -z "$metadata$file" ] || { [ -n "$metadata" ] && [ -n "$app" ] && [ -n "$environment" ] && [ -n "$cpu_arch" ]; } || usage

mkdir -p "$state"
run=$(mktemp -d "$state/run.XXXXXX")
trap 'rm -rf "$run"' EXIT
trap 'exit 1' HUP INT TERM

sha256() { openssl dgst -sha256 -r | cut -d ' ' -f 1; }
key_id() { openssl pkey -pubin -in "$run/key.pem" -outform DER | sha256; }
lower() { printf '%s' "$1" | tr '[:upper:]' '[:lower:]'; }
# signed SIGNATURE: whether the trusted key has signed the statement
signed() {
  printf '%s' "$1" | openssl base64 -d -A >"$run/signature"
  openssl dgst -sha256 -verify "$run/key.pem" -signature "$run/signature" "$run/statement" >/dev/null 2>&1
}

# What the device knows: the key of the factory, unless it has gone over to another one, and how late it is at least.
if [ -f "$state/key.pem" ]; then cp "$state/key.pem" "$run/key.pem"; else cp "$pinned" "$run/key.pem"; fi
last=0 seen=0
[ ! -f "$state/last" ] || read -r last seen <"$state/last"
now=$(date +%s)
[ "$now" -ge "$seen" ] || now=$seen

# From the key that is trusted to the one that signed, over links each signed by the key before.
signer=$(sed -n '7s/^signature \([0-9a-f]\{64\}\) [^ ]*$/\1/p' "$snapshot")
[ "$(head -n 1 "$snapshot")" = slipway-snapshot-v1 ] || refuse 'malformed: it is no snapshot of version 1'
[ -n "$signer" ] || refuse 'malformed: it does not begin as a snapshot does'
links=0
until id=$(key_id) && [ "$id" = "$signer" ]; do
  links=$((links + 1))
  # shellcheck disable=SC2046 # a link is six words
  set -- $(grep "^key $id " "$snapshot" | head -n 1)
  { [ $# -eq 6 ] && [ "$links" -le 32 ]; } || refuse "unknown-key: no link leads from key $id to $signer"
  printf 'slipway-key-v1\npublicKey %s\nnotBefore %s\nnotAfter %s\n' "$3" "$4" "$5" >"$run/statement"
  signed "$6" || refuse "wrong-signature: key $id has not signed its successor"
  { [ "$now" -ge "$4" ] && [ "$now" -lt "$5" ]; } || refuse "unknown-key: the successor of key $id is not valid now"
  printf '%s' "$3" | openssl base64 -d -A | openssl pkey -pubin -inform DER -out "$run/key.pem"
done

# The snapshot: the statement is its first six lines, as they are.
head -n 6 "$snapshot" >"$run/statement"
signed "$(sed -n '7s/.* //p' "$snapshot")" || refuse 'wrong-signature: of the snapshot'
value() { sed -n "s/^$1 //p" "$run/statement"; }
[ "$(value workspace)" = "$workspace" ] || refuse "other-workspace: the snapshot is of $(value workspace)"
sequence=$(value sequence) issued=$(value issued) expires=$(value expires) entries=$(value entries)
[ "$sequence" -ge "$last" ] || refuse "rollback: snapshot $sequence is older than $last"
[ "$now" -lt "$expires" ] || refuse "expired: snapshot $sequence was good until $expires"
[ "$(sed -n '/^entry /p' "$snapshot" | sha256)" = "$entries" ] || refuse 'other-entries: the snapshot lists other releases'
cp "$run/key.pem" "$run/trusted.pem" && mv "$run/trusted.pem" "$state/key.pem"
[ "$issued" -ge "$seen" ] || issued=$seen
printf '%s %s\n' "$sequence" "$issued" >"$run/last" && mv "$run/last" "$state/last"
[ -n "$metadata" ] || exit 0

# The app's entry. What is read from it is believed for its signature alone.
field() { printf '%s\n' "$entry" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }
entry=$(grep -F "  \"$app\": {" "$metadata" | head -n 1)
version=$(field latestVersion) size=$(field size) hash=$(field sha256) arch=$(field cpuArch) of=$(field environment)
[ "$(lower "$of")" = "$(lower "$environment")" ] || refuse "other-release: it is for $of"
case "$(lower "+$arch+")" in '+*+' | *"$(lower "+$cpu_arch+")"*) ;; *) refuse "other-release: it is for $arch" ;; esac
[ "$(field keyId)" = "$signer" ] || refuse "unknown-key: the entry is signed by key $(field keyId)"
printf 'slipway-release-v1\nworkspace %s\napp %s\nenvironment %s\ncpuArch %s\nversion %s\nsize %s\nsha256 %s\n' \
  "$workspace" "$app" "$of" "$arch" "$version" "$size" "$hash" >"$run/statement"
signed "$(field signature)" || refuse "wrong-signature: of $app"
grep -qxF "entry $of $app $arch $version $size $hash" "$snapshot" || refuse "not-current: $app $version"
[ -z "$file" ] || [ "$(wc -c <"$file")" -eq "$size" ] || refuse "other-file: it has not $size bytes"
[ -z "$file" ] || [ "$(sha256 <"$file")" = "$hash" ] || refuse 'other-file: it has another SHA-256'
printf '%s %s\n' "$app" "$version"
