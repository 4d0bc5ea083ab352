#!/bin/sh
# Makes this device a node of Slipway: exchanges a registration token for the device's own certificate, and writes what the
# AWS IoT Greengrass nucleus needs to start. POSIX sh with curl and openssl; README.md of Slipway tells more.
#
# The private key is made here and never leaves this device. It is kept before anything is sent, so that a run that was
# interrupted goes on with the same key, for which alone the token works from then on.
#
# All of it is in functions, so that half a download does nothing.
set -eu
umask 077
LC_ALL=C
export LC_ALL

readonly ATTEMPTS=6
readonly ANSWER_TENTHS=600

api='' token='' runtime='' dir='' place='' mqtt_port='' force=no check=no is_home=no
pending='' run='' client='' is_open=no

usage() {
  cat <<'EOF'
Usage: install.sh --api URL --token TOKEN [options]

Makes this device a node of Slipway, and writes what the AWS IoT Greengrass nucleus needs to start.

  --api URL         where the API is
  --token TOKEN     the registration token; - reads it from standard input, and without the option it is
                    taken from SLIPWAY_TOKEN: neither shows it in the list of processes
  --runtime NAME    nucleus (Java) or nucleus-lite: what the node was made for, which is known without this option
  --dir DIR         where to write; /etc/slipway, or ~/.slipway for who is not root
  --place DIR       where the files will be when the nucleus runs, if not there: for images and containers
  --mqtt-port PORT  443 where 8883 is blocked; nucleus-lite itself knows 8883 alone
  --force           replace the identity that is in the folder; it is kept in DIR/previous
  --check           only see whether this device has what it takes
  --help            this text

It ends with 0 when all is done, 1 when something is wrong here, 2 for wrong options, 3 when it is refused (by the API,
by AWS IoT, or to protect an identity), and 4 when it is worth trying again later.
EOF
}

say() { printf '%s\n' "$*"; }

# die STATUS TEXT
die() {
  status=$1
  shift
  printf 'slipway: %s\n' "$*" >&2
  exit "$status"
}

# On one line, without what could steer a terminal.
plain() { tr '\n' ' ' | tr -cd '\040-\176' | sed 's/ *$//'; }

nap() {
  if sleep 0.2 2>/dev/null; then
    waited=$((waited + 2))
  else
    sleep 1
    waited=$((waited + 10))
  fi
}

clean() {
  if [ "$is_open" = yes ]; then exec 3>&-; fi
  if [ -n "$client" ]; then kill "$client" 2>/dev/null || :; fi
  if [ -n "$run" ]; then
    rm -f "${run:?}"/*
    rmdir "$run"
    rmdir "$pending" 2>/dev/null || : # unless the key is in it
  fi
}

read_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --api | --token | --runtime | --dir | --place | --mqtt-port)
        if [ $# -lt 2 ]; then die 2 "$1 takes a value"; fi
        case $1 in
          --api) api=$2 ;;
          --token) token=$2 ;;
          --runtime) runtime=$2 ;;
          --dir) dir=$2 ;;
          --place) place=$2 ;;
          --mqtt-port) mqtt_port=$2 ;;
        esac
        shift 2
        ;;
      --force) force=yes && shift ;;
      --check) check=yes && shift ;;
      --help)
        usage
        exit 0
        ;;
      -*) die 2 "there is no option $1; --help lists them" ;;
      *) die 2 "an argument is no option; --help lists them" ;; # not shown: it could be the token
    esac
  done
  case $runtime in '' | nucleus | nucleus-lite) ;; *) die 2 "--runtime is nucleus or nucleus-lite" ;; esac
  case $mqtt_port in *[!0-9]*) die 2 "--mqtt-port is a number" ;; esac
}

# Where the files are written. Where they will be for the nucleus is known once the node's runtime is.
choose_folders() {
  if [ -z "$dir" ]; then
    if [ "$(id -u)" -eq 0 ]; then
      dir=/etc/slipway
    else
      if [ -z "${HOME:-}" ]; then die 2 "there is no home folder: choose one with --dir"; fi
      dir=$HOME/.slipway
      is_home=yes
    fi
  fi
  case $dir in /*) ;; *) dir=$(pwd)/$dir ;; esac
  dir=${dir%/}
  place=${place%/}
  case $place in '' | /*) ;; *) die 2 "--place is an absolute path" ;; esac
  # They stand in YAML and in commands, in double quotes.
  case $dir$place in *[\"\\\$\`]* | *[[:cntrl:]]*) die 2 "a folder's name has a character that is not taken" ;; esac
  pending=$dir/pending
}

check_tools() {
  missing=''
  for tool in curl openssl awk sed grep od mkfifo wc tr cat mv sleep tail sync id; do
    if ! command -v "$tool" >/dev/null 2>&1; then missing="$missing $tool"; fi
  done
  if [ -n "$missing" ]; then die 1 "this device lacks:$missing"; fi
  if ! curl --version | grep -q '^Protocols:.* https'; then die 1 "this curl does not speak HTTPS"; fi
  # What is asked for came with OpenSSL 1.1.1.
  options=$(openssl s_client -help 2>&1 || :)
  for option in -verify_hostname -verify_ip -verify_return_error -alpn -no_ign_eof; do
    case $options in
      *"$option "*) ;;
      *) die 1 "this openssl ($(openssl version)) has no s_client $option: OpenSSL 1.1.1 or newer is needed" ;;
    esac
  done
}

check_api() {
  if [ -z "$api" ]; then die 2 "--api is missing; --help tells more"; fi
  while [ "${api%/}" != "$api" ]; do api=${api%/}; done
  case $api in
    *[!A-Za-z0-9._~:/%-]*) die 2 "--api is no URL" ;;
    https://?*) scheme=https ;;
    # Nobody else hears what this machine says to itself.
    http://127.0.0.1:* | http://localhost:* | http://127.0.0.1 | http://localhost) scheme=http ;;
    http://*) die 2 "the token is sent by https alone" ;;
    *) die 2 "--api is no URL" ;;
  esac
}

read_token() {
  if [ "$token" = - ]; then
    token=''
    IFS= read -r token || :
  elif [ -z "$token" ]; then
    token=$from_environment
  fi
  case $token in
    '') die 2 "there is no token: --token, or SLIPWAY_TOKEN" ;;
    *[!0-9A-Za-z_]*) die 3 "this is no registration token: those are slw_ and 38 letters and digits" ;;
  esac
}

has_identity() { [ -e "$dir/device.key" ] || [ -e "$dir/device.crt" ] || [ -e "$dir/config.yaml" ]; }

# The folder for what is on its way, and this run's own in it: one run at a time.
open_folder() {
  if ! mkdir -p "$pending" 2>/dev/null || ! [ -w "$dir" ] || ! [ -w "$pending" ]; then
    die 1 "$(id -un) may not write to $dir: run this as root, or choose another folder with --dir"
  fi
  chmod 700 "$pending"
  if ! mkdir "$pending/run" 2>/dev/null; then
    other=$(cat "$pending/run/pid" 2>/dev/null || :)
    if [ -n "$other" ] && kill -0 "$other" 2>/dev/null; then die 4 "another run (process $other) works in $dir"; fi
    rm -f "$pending"/run/* # of a run that was killed
  fi
  run=$pending/run
  say "$$" >"$run/pid"
}

# json PATH [raw]: a member of the JSON on standard input, such as endpoints.mqtt; with raw, as it stands there between
# its quotation marks. Ends with 1 if there is none, and with 2 if this is not JSON.
json() {
  awk -v want="$1" -v raw="${2:-}" '
    { rest = rest $0 "\n" }
    END {
      value("")
      skip()
      if (rest != "") exit 2
      if (!found) exit 1
      printf "%s", result
      if (result !~ /\n$/) printf "\n"
    }
    function skip() { sub(/^[ \t\r\n]+/, "", rest) }
    function next_is(c) { skip(); return substr(rest, 1, 1) == c }
    function take(c) { if (!next_is(c)) exit 2; rest = substr(rest, 2) }
    function keep(path, text) { if (path == want && !found) { found = 1; result = text } }
    function escaped(c,   code, i) {
      if (c == "n") return "\n"
      if (c == "t") return "\t"
      if (c == "r") return "\r"
      if (c == "b" || c == "f") return " "
      if (c != "u") { if (index("\"\\/", c) == 0 || c == "") exit 2; return c }
      for (i = 1; i <= 4; i++) {
        c = index("0123456789abcdef", tolower(substr(rest, i, 1)))
        if (c == 0 || substr(rest, i, 1) == "") exit 2
        code = code * 16 + c - 1
      }
      rest = substr(rest, 5)
      return code > 0 && code < 128 ? sprintf("%c", code) : "?"
    }
    function string(   out, at, c) {
      take("\"")
      for (;;) {
        at = match(rest, /["\\]/)
        if (at == 0) exit 2
        out = out substr(rest, 1, at - 1)
        c = substr(rest, at, 1)
        rest = substr(rest, at + 1)
        if (c == "\"") return out
        c = substr(rest, 1, 1)
        rest = substr(rest, 2)
        out = out (raw ? "\\" c : escaped(c))
      }
    }
    function members(path, end,   key, i) {
      rest = substr(rest, 2)
      if (next_is(end)) { take(end); return }
      for (i = 0; ; i++) {
        key = i
        if (end == "}") { key = string(); take(":") }
        value(path == "" ? key : path "." key)
        if (next_is(end)) { take(end); return }
        take(",")
      }
    }
    function value(path) {
      if (next_is("{")) members(path, "}")
      else if (next_is("[")) members(path, "]")
      else if (next_is("\"")) keep(path, string())
      else {
        if (!match(rest, /^[-+.0-9A-Za-z]+/)) exit 2
        keep(path, substr(rest, 1, RLENGTH))
        rest = substr(rest, RLENGTH + 1)
      }
    }
  '
}

# take PATH: a member of the answer, into $value. What is taken stands in YAML, in topics and in command lines.
take() {
  value=$(json "$1" <"$run/answer") || value=
  case $value in
    '' | -* | *[!A-Za-z0-9._:=,@-]*) die 1 "the API's answer has no usable $1" ;;
  esac
}

# take_pem PATH FILE KIND
take_pem() {
  json "$1" <"$run/answer" >"$2" || die 1 "the API's answer has no $1"
  openssl "$3" -in "$2" -noout </dev/null 2>/dev/null || die 1 "the API's answer has no usable $1"
}

make_key() {
  if [ -e "$pending/device.key" ] && openssl pkey -in "$pending/device.key" -noout </dev/null 2>/dev/null; then
    say "Going on with the key of the run before."
  else
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve \
      -out "$run/device.key" </dev/null 2>"$run/log" || die 1 "openssl made no key: $(plain <"$run/log")"
    mv "$run/device.key" "$pending/device.key"
    sync # a power cut must not take the key that a token is bound to
  fi
  # Devices need not have an openssl.cnf.
  say '[req]
distinguished_name = none
[none]' >"$run/request.cnf"
  openssl req -new -sha256 -config "$run/request.cnf" -subj /CN=slipway -key "$pending/device.key" -out "$run/request.pem" \
    </dev/null 2>"$run/log" || die 1 "openssl made no certificate request: $(plain <"$run/log")"
}

# Shows the token to the API. Prints the status; ends as curl does.
show_token() {
  curl -sS --proto "=$scheme" --connect-timeout 20 --max-time 60 -H 'content-type: application/json' \
    -o "$run/answer" -D "$run/headers" -w '%{http_code}' --data-binary @- "$api/v1/register" 2>"$run/log" <<EOF
{"token":"$token"}
EOF
}

# Seconds to wait before the next try: what the API says, up to a minute.
retry_after() {
  awk -v seconds="$1" 'tolower($1) == "retry-after:" { sub(/\r$/, "", $2); if ($2 ~ /^[0-9]+$/) seconds = $2 }
    END { seconds += 0; print (seconds > 60 ? 60 : seconds < 1 ? 1 : seconds) }' "$run/headers"
}

detail() { json detail <"$run/answer" 2>/dev/null | plain || :; }

register() {
  attempt=1
  while :; do
    : >"$run/headers"
    : >"$run/answer"
    failed=0
    status=$(show_token) || failed=$?
    case $failed in
      0) ;;
      5 | 6 | 7 | 28 | 52 | 55 | 56) status=unreachable ;;
      *) die 1 "$api does not answer as it should: $(plain <"$run/log")" ;;
    esac
    case $status in
      200) break ;;
      400) die 3 "the API does not take this token: $(detail)" ;;
      401 | 403) die 3 "the token is not valid: it was used, replaced or revoked, or has ended. Ask for another one" ;;
      404 | 405) die 1 "there is no Slipway at $api" ;;
      unreachable) why="$api is not reached: $(plain <"$run/log")" ;;
      429 | 502 | 503 | 504) why="$api is busy ($status): $(detail)" ;;
      *) die 1 "$api answered $status: $(detail)" ;;
    esac
    if [ "$attempt" -ge "$ATTEMPTS" ]; then die 4 "$why"; fi
    seconds=$(retry_after $((attempt * 2)))
    say "$why. Trying again in $seconds s."
    sleep "$seconds"
    attempt=$((attempt + 1))
  done
  take runtime
  if [ -n "$runtime" ] && [ "$runtime" != "$value" ]; then
    die 3 "the node is for $value, not for $runtime: nodes keep their runtime, so make another one"
  fi
  runtime=$value
  take thing && thing=$value
  take region && region=$value
  take template && template=$value
  take roleAlias && role_alias=$value
  take endpoints.mqtt && split "$value" "${mqtt_port:-8883}" && mqtt_host=$host mqtt_port=$port
  take endpoints.credentials && credentials=$value
  take endpoints.greengrass && split "$value" 8443 && data_host=$host data_port=$port
  take_pem rootCa "$run/root-ca.pem" x509
  take_pem claim.certificatePem "$run/claim.crt" x509
  take_pem claim.privateKey "$run/claim.key" pkey
  rm -f "$run/answer"
}

# split HOST[:PORT] DEFAULT
split() {
  host=${1%%:*}
  case $1 in *:*) port=${1##*:} ;; *) port=$2 ;; esac
  case $host in '' | *[!A-Za-z0-9.-]*) die 1 "the API's answer names no usable host: $1" ;; esac
  case $port in '' | *[!0-9]*) die 1 "the API's answer names no usable port: $1" ;; esac
}

# MQTT 3.1.1, as far as it is needed here: http://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html

byte() {
  # shellcheck disable=SC2059 # the format is the byte
  printf "\\$(printf '%03o' "$1")"
}

# Two bytes, the high one first.
short() { byte $(($1 / 256)) && byte $(($1 % 256)); }

text() { short ${#1} && printf '%s' "$1"; }

# send FIRST-BYTE: the packet whose body is in $run/body. §2.2.3: its length is in groups of seven bits, the low ones first.
send() {
  left=$(($(wc -c <"$run/body")))
  {
    byte "$1"
    while [ "$left" -ge 128 ]; do
      byte $((left % 128 + 128))
      left=$((left / 128))
    done
    byte "$left"
    cat "$run/body"
  } >"$run/packet"
  cat "$run/packet" >&3 2>/dev/null || : # a connection that is gone is noticed by who waits for the answer
}

# publish TOPIC FILE
publish() {
  { text "$1" && cat "$2"; } >"$run/body"
  send 48
}

# received WHAT: looks for connack, suback or the answer to a topic in all that has come, and prints the answer. Ends with
# 1 if it has not come (whole) yet, 2 if this is no MQTT, 3 if it is a refusal.
received() {
  od -v -A n -t u1 "$run/from" | awk -v want="$1" '
    { for (i = 1; i <= NF; i++) b[n++] = $i + 0 }
    END {
      for (p = 0; p < n; p = q + size) {
        kind = int(b[p] / 16)
        if (kind != 2 && kind != 3 && kind != 9) exit 2
        size = 0
        unit = 1
        q = p + 1
        do {
          if (q >= n) exit 1
          if (q - p > 4) exit 2
          size += (b[q] % 128) * unit
          unit *= 128
        } while (b[q++] >= 128)
        if (q + size > n) exit 1
        if (kind == 2 && want == "connack") exit (b[q + 1] == 0 ? 0 : 3)
        if (kind == 9 && want == "suback") {
          for (i = q + 2; i < q + size; i++) if (b[i] >= 128) exit 3
          exit 0
        }
        if (kind != 3) continue
        at = q + 2 + b[q] * 256 + b[q + 1]
        topic = ""
        for (i = q + 2; i < at; i++) topic = topic sprintf("%c", b[i])
        if (int(b[p] / 2) % 4 > 0) at += 2
        if (topic != want "/accepted" && topic != want "/rejected") continue
        for (i = at; i < q + size; i++) printf "%c", b[i]
        exit (topic == want "/accepted" ? 0 : 3)
      }
      exit 1
    }'
}

# await WHAT: until it has come, into $run/answer. Ends with 3 if it is a refusal.
await() {
  waited=0
  while :; do
    is_alive=yes
    kill -0 "$client" 2>/dev/null || is_alive=no # before the look at what has come
    result=0
    received "$1" >"$run/answer" || result=$?
    case $result in
      0 | 3) return "$result" ;;
      2) die 1 "$mqtt_host:$mqtt_port speaks no MQTT" ;;
    esac
    if [ "$is_alive" = no ]; then die 4 "the connection to $mqtt_host:$mqtt_port ended: $(connection_log)"; fi
    if [ "$waited" -ge "$ANSWER_TENTHS" ]; then die 4 "$mqtt_host:$mqtt_port did not answer in a minute ($1)"; fi
    nap
  done
}

connection_log() {
  why=$(grep 'verify error' "$run/log" | plain)
  case $why in
    '') tail -n 2 "$run/log" | plain ;;
    *'not yet valid'* | *expired*) say "$why; this device's clock says $(date)" ;;
    *) say "$why" ;;
  esac
}

# https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html: 8883, or 443 under a protocol's name
connect() {
  set -- -connect "$mqtt_host:$mqtt_port" -CAfile "$run/root-ca.pem" -verify 5 -verify_return_error
  case $mqtt_host in
    *[!0-9.]*) set -- "$@" -servername "$mqtt_host" -verify_hostname "$mqtt_host" ;;
    *) set -- "$@" -verify_ip "$mqtt_host" ;;
  esac
  if [ "$mqtt_port" = 443 ]; then set -- "$@" -alpn x-amzn-mqtt-ca; fi
  mkfifo "$run/to"
  : >"$run/from"
  # It ends when we do: with its input.
  openssl s_client -quiet -no_ign_eof "$@" -cert "$run/claim.crt" -key "$run/claim.key" \
    <"$run/to" >"$run/from" 2>"$run/log" &
  client=$!
  exec 3>"$run/to"
  is_open=yes
  # §3.1: a clean session, which may be silent for longer than is waited for an answer, under a name that no other device has.
  { text MQTT && byte 4 && byte 2 && short 120 && text "slw$(openssl rand -hex 10)"; } >"$run/body"
  send 16
  await connack || die 4 "$mqtt_host does not let the claim connect"
}

# ask TOPIC FILE: the answer is in $run/answer
ask() {
  publish "$1" "$2"
  await "$1" && return
  code=$(json errorCode <"$run/answer" | plain || :)
  message=$(json errorMessage <"$run/answer" | plain || :)
  case $code in
    AccessDenied* | Forbidden*) die 3 "AWS IoT refuses this device: $message. The token may have been used by another key" ;;
    *) die 4 "AWS IoT refuses this device: $code: $message" ;;
  esac
}

# https://docs.aws.amazon.com/iot/latest/developerguide/fleet-provision-api.html
provision() {
  certificates=\$aws/certificates/create-from-csr/json
  things=\$aws/provisioning-templates/$template/provision/json
  connect
  {
    short 1
    for topic in "$certificates/accepted" "$certificates/rejected" "$things/accepted" "$things/rejected"; do
      text "$topic" && byte 0
    done
  } >"$run/body"
  send 130
  await suback || die 4 "$mqtt_host does not let the claim subscribe"

  {
    printf '{"certificateSigningRequest":"'
    awk '{ printf "%s\\n", $0 }' "$run/request.pem"
    printf '"}'
  } >"$run/request"
  ask "$certificates" "$run/request"
  take_pem certificatePem "$run/device.crt" x509
  ownership=$(json certificateOwnershipToken raw <"$run/answer") || die 1 "AWS IoT's answer has no ownership token"
  if [ "$(openssl x509 -in "$run/device.crt" -noout -pubkey)" != "$(openssl pkey -in "$pending/device.key" -pubout)" ]; then
    die 1 "AWS IoT made a certificate for another key"
  fi

  cat >"$run/request" <<EOF
{"certificateOwnershipToken":"$ownership","parameters":{"Token":"$token"}}
EOF
  ask "$things" "$run/request"
  if [ "$(json thingName <"$run/answer" || :)" != "$thing" ]; then die 1 "AWS IoT made this device another thing"; fi
  : >"$run/body"
  send 224
}

# The files' shapes: https://docs.aws.amazon.com/greengrass/v2/developerguide/manual-installation.html and
# https://github.com/aws-greengrass/aws-greengrass-lite/blob/main/docs/examples/sample_nucleus_config.yaml
write_configuration() {
  # The services of nucleus lite run as a user of their own, who reaches nobody's home.
  if [ -z "$place" ] && [ "$is_home$runtime" = yesnucleus-lite ]; then place=/etc/slipway; fi
  place=${place:-$dir}
  case $runtime in
    nucleus) name=aws.greengrass.Nucleus root_key=rootpath root=/greengrass/v2 ;;
    nucleus-lite) name=aws.greengrass.NucleusLite root_key=rootPath root=/var/lib/greengrass ;;
  esac
  cat <<EOF
---
system:
  certificateFilePath: "$place/device.crt"
  privateKeyPath: "$place/device.key"
  rootCaPath: "$place/root-ca.pem"
  $root_key: "$root"
  thingName: "$thing"
services:
  $name:
    componentType: "NUCLEUS"
    configuration:
      awsRegion: "$region"
      iotRoleAlias: "$role_alias"
      iotDataEndpoint: "$mqtt_host"
      iotCredEndpoint: "$credentials"
EOF
  if [ "$runtime" = nucleus ]; then
    cat <<EOF
      mqtt:
        port: $mqtt_port
      greengrassDataPlaneEndpoint: "$data_host"
      greengrassDataPlanePort: $data_port
EOF
  else
    cat <<EOF
      greengrassDataPlanePort: "$data_port"
      runWithDefault:
        posixUser: "ggc_user:ggc_group"
EOF
  fi
}

# The configuration comes last: with it, what is pending is complete.
keep_identity() {
  write_configuration >"$run/config.yaml"
  chmod 644 "$run/device.crt" "$run/root-ca.pem" "$run/config.yaml"
  mv "$run/device.crt" "$pending/device.crt"
  mv "$run/root-ca.pem" "$pending/root-ca.pem"
  sync
  mv "$run/config.yaml" "$pending/config.yaml"
  sync
}

# Puts what is complete in its place, from wherever an earlier run was interrupted.
put_in_place() {
  for file in device.key device.crt root-ca.pem config.yaml; do
    if ! [ -e "$pending/$file" ]; then continue; fi
    if [ -e "$dir/$file" ]; then
      mkdir -p "$dir/previous"
      mv -f "$dir/$file" "$dir/previous/$file"
    fi
    mv -f "$pending/$file" "$dir/$file"
  done
  sync
}

tell_what_is_next() {
  thing=$(awk '$1 == "thingName:" { gsub(/"/, "", $2); print $2 }' "$dir/config.yaml")
  place=$(sed -n 's|^  privateKeyPath: "\(.*\)/device.key"$|\1|p' "$dir/config.yaml")
  sudo=''
  if [ "$(id -u)" -ne 0 ]; then sudo='sudo '; fi
  say "This device is $thing. Its key, its certificate and config.yaml are in $dir."
  if [ -e "$dir/previous" ]; then
    say "The identity before is in $dir/previous: delete it once the new one works. A nucleus that runs must be restarted."
  fi
  say
  if grep -q 'aws.greengrass.NucleusLite:' "$dir/config.yaml"; then
    say "Next, as root: the services of nucleus lite read /etc/greengrass, and run as ggcore, who must read the key."
    if [ "$place" != "$dir" ]; then
      say "  ${sudo}mkdir -p \"$place\""
      say "  ${sudo}mv \"$dir/device.key\" \"$dir/device.crt\" \"$dir/root-ca.pem\" \"$place/\""
    fi
    say "  ${sudo}chown -R ggcore:ggcore \"$place\""
    say "  ${sudo}mkdir -p /etc/greengrass"
    say "  ${sudo}cp \"$dir/config.yaml\" /etc/greengrass/config.yaml"
    say "  ${sudo}systemctl restart greengrass-lite.target"
    say "Nucleus lite and its packages: https://github.com/aws-greengrass/aws-greengrass-lite"
  else
    say "Next, as root, for the nucleus becomes a service and runs components as other users (it needs Java):"
    say "  curl -fsSLO https://d2s8p88vqu9w66.cloudfront.net/releases/greengrass-nucleus-latest.zip"
    say "  unzip greengrass-nucleus-latest.zip -d GreengrassInstaller"
    say "  ${sudo}java -Droot=/greengrass/v2 -Dlog.store=FILE -jar GreengrassInstaller/lib/Greengrass.jar \\"
    say "    --init-config \"$place/config.yaml\" --component-default-user ggc_user:ggc_group --setup-system-service true"
  fi
}

main() {
  from_environment=${SLIPWAY_TOKEN:-}
  unset SLIPWAY_TOKEN # no other program needs it
  read_options "$@"
  check_tools
  choose_folders
  if [ "$check" = yes ]; then
    say "$(curl --version | awk 'NR == 1 { print $1, $2 }'), $(openssl version): this device has what it takes."
    exit 0
  fi
  if ! [ -e "$pending/config.yaml" ]; then
    if [ "$force" = no ] && has_identity; then
      die 3 "there is an identity in $dir: it stays as it is. --force replaces it once the new one is complete"
    fi
    check_api
    read_token
  fi
  trap 'status=$?; trap - EXIT; clean; exit "$status"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap '' PIPE
  open_folder
  if [ -e "$pending/config.yaml" ]; then
    say "The identity of the run before was complete; it is put in its place, and no token is used."
  else
    make_key
    say "Registering with $api."
    register
    if [ "$runtime" = nucleus-lite ] && [ "$mqtt_port" != 8883 ]; then
      printf 'slipway: nucleus lite connects to port 8883 alone, and this is %s\n' "$mqtt_port" >&2
    fi
    say "Asking AWS IoT for a certificate at $mqtt_host:$mqtt_port."
    provision
    keep_identity
  fi
  put_in_place
  tell_what_is_next
}

main "$@"
