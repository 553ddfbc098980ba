# query.sh: times of HTTP queries, against one server or several side by side;
# sourced after cluster.sh, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # names of cluster.sh, and for those who source this

# Extra servers that hold the same profiles: base URLs, http only.  Each query goes
# to every server in turn, run by run.
read -r -a COMPARE <<<"${COMPARE:-}"

# Milliseconds of one POST of JSON $3 to path $2 of server $1.
post_ms()
{
	local answer code seconds
	answer=$(curl -s --noproxy '*' -o "$bench_home/answer" -w '%{http_code} %{time_total}' \
		-H 'Content-Type: application/json' -d "$3" "$1$2")
	read -r code seconds <<<"$answer"
	[ "$code" = 200 ] || die "$1$2 answered $code: $(head -c 300 "$bench_home/answer")"
	awk -v s="$seconds" 'BEGIN { print s * 1000 }'
}

# $1 what, $2 path, $3 body, $4 more JSON members; the first run of each server warms up.
measure_query()
{
	local what=$1 path=$2 body=$3 more=${4:-} run i
	local urls=("http://127.0.0.1:$PORT" "${COMPARE[@]}")
	for ((run = -1; run < RUNS; run++)); do
		for ((i = 0; i < ${#urls[@]}; i++)); do
			post_ms "${urls[i]}" "$path" "$body" >"$bench_home/ms"
			[ "$run" -lt 0 ] || cat "$bench_home/ms" >>"$bench_home/times.$i"
		done
	done
	for ((i = 0; i < ${#urls[@]}; i++)); do
		spread <"$bench_home/times.$i" |
			xargs -0 printf '{"bench":"query","what":"%s","url":"%s"%s,"unit":"ms",%s}\n' "$what" "${urls[i]}" "$more"
		rm "$bench_home/times.$i"
	done
}

# Bodies of Pyroscope's calls; times are Unix milliseconds.
# $1 type, $2 selector, $3 start, $4 end, $5 nodes
tree_body()
{
	printf '{"profileTypeID":"%s","labelSelector":"%s","start":"%s","end":"%s","maxNodes":"%s"}' \
		"$1" "${2//\"/\\\"}" "$3" "$4" "${5:-8192}"
}

# $1 type, $2 selector, $3 start, $4 end, $5 step in seconds, $6 label to group by
series_body()
{
	printf '{"profileTypeID":"%s","labelSelector":"%s","start":"%s","end":"%s","step":%s,"groupBy":["%s"]}' \
		"$1" "${2//\"/\\\"}" "$3" "$4" "$5" "$6"
}

readonly TREE=/querier.v1.QuerierService/SelectMergeStacktraces
readonly SERIES_OF=/querier.v1.QuerierService/SelectSeries
