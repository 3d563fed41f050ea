#!/usr/bin/env bash
# Grants the rights of acls.txt in Kafka, for a prefix (may be empty) and the aggregates named after
# it. It can be repeated.
# KAFKA_ACLS is Kafka's own tool with its connection, as an administrator:
#
#   KAFKA_ACLS='kafka-acls.sh --bootstrap-server kafka:9092 --command-config admin.properties' \
#     deploy/kafka/acls.sh '' ordering.order catalog.product
set -euo pipefail

if [[ $# -lt 2 || -z ${KAFKA_ACLS:-} ]]; then
  echo "usage: KAFKA_ACLS='kafka-acls.sh --bootstrap-server ..' $0 PREFIX AGGREGATE..." >&2
  exit 2
fi
prefix=$1
shift
read -ra tool <<<"$KAFKA_ACLS"

while read -r user resource name pattern operations; do
  [[ -z $user || $user == '#'* ]] && continue
  name=${name//'{prefix}'/$prefix}
  aggregates=("$@")
  # A line without {aggregate} is granted once.
  [[ $name == *'{aggregate}'* ]] || aggregates=('')
  named=()
  for aggregate in "${aggregates[@]}"; do
    named+=("--$resource")
    # There is one cluster, so the tool takes no name for it.
    [[ $resource == cluster ]] || named+=("${name//'{aggregate}'/$aggregate}")
  done
  # One call per line for all aggregates, because each call starts a Java process.
  # shellcheck disable=SC2086 # one option for each operation
  "${tool[@]}" --add --allow-principal "User:$user" "${named[@]}" \
    --resource-pattern-type "$pattern" $(printf -- '--operation %s ' ${operations//,/ }) </dev/null
done <"$(dirname "${BASH_SOURCE[0]}")/acls.txt"
