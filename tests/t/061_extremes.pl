# Extreme profiles through every function of SQL that takes one: a right answer or
# an error with its SQLSTATE, in bounded memory, and the server stays up.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Compress::Gzip qw(gzip $GzipError);
use PgpprofNode;
use PprofBuilder;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { DEEP => 1_000_000, NAMES => 1_000_000, MAX => 9223372036854775807 };
use constant MIN => -MAX - 1;
# What is no error of size: some shapes have no place for negative values, or want Go's profiles.
use constant UNFIT => '22023 (speedscope cannot|a compiler takes|no function has a start line|not a CPU|no matches)';

my $node = pgpprof_node('main', conf => <<'CONF');
pprof.databases = ''
log_statement = none
log_min_error_statement = panic
jit = off
max_parallel_workers_per_gather = 0
CONF
my $dir = PostgreSQL::Test::Utils::tempdir;

# The server's user reads what is handed over as a file: a literal would be copied many times.
sub as_file
{
	my ($name, $bytes) = @_;
	my $path = "$dir/$name";
	open my $file, '>:raw', $path or die "$path: $!";
	print $file $bytes;
	close $file or die "$path: $!";
	chmod 0644, $path;
	return "pg_read_binary_file('$path')";
}

chmod 0755, $dir;
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# --- each limit names its setting ---

# Three types, samples, locations, functions, mappings and comments, and strings that
# neither compress nor are short.
srand 1;
my $long = join '', map { chr(33 + int rand 90) } 1 .. 3000;
my $limited = '';
$limited .= proto_bytes(1, proto_number(1, $_) . proto_number(2, 1)) for 1 .. 3;
$limited .= proto_bytes(3, proto_number(1, $_)) for 1 .. 3;
$limited .= proto_bytes(4,
	proto_number(1, $_) . proto_bytes(4, proto_number(1, 1)) . proto_bytes(4, proto_number(1, 2)))
  for 1 .. 3;
$limited .= proto_bytes(5, proto_number(1, $_) . proto_number(2, $_)) for 1 .. 3;
$limited .= proto_bytes(6, $_) for '', 'a', 'b', 'c', 'd', $long;
my $sample = proto_bytes(1, "\x01\x02\x03") . proto_bytes(2, "\x01\x02\x03");
$sample .= proto_bytes(3, proto_number(1, $_) . proto_number(2, 1)) for 1 .. 3;
$limited .= proto_bytes(2,  $sample) for 1 .. 3;
$limited .= proto_bytes(13, "\x05\x05\x05");
gzip \$limited => \my $compressed or die $GzipError;
my $repeated = $limited . proto_bytes(6, 'x' x 500_000) x 4;
gzip \$repeated => \my $bomb or die $GzipError;

my $from = 'pprof.from_bytea(' . as_file('limited', $limited) . ')';
my %input = (
	max_compressed => 'pprof.from_bytea(' . as_file('compressed', $compressed) . ')',
	max_ratio      => 'pprof.from_bytea(' . as_file('bomb', $bomb) . ')');
my @limits = qw(max_comment_bytes max_comments max_compressed max_depth max_frames max_functions
  max_label_keys max_labels max_lines max_locations max_mappings max_profile_size max_ratio
  max_sample_types max_samples max_string max_strings max_total_frames);

for my $limit (@limits)
{
	my $call = $input{$limit} // $from;
	my (undef, undef, $stderr) =
	  $node->psql('postgres', "SET pprof.$limit = 1; \\set VERBOSITY verbose\nSELECT $call IS NULL");
	like($stderr, qr/ERROR:  54000: /, "$limit: program_limit_exceeded");
	like($stderr, qr/^HINT:  Raise "pprof\.$limit" if the input is to be trusted\.$/m,
		"$limit: the hint names it");
	my ($code, $stdout, $rest) = $node->psql('postgres', "SET pprof.max_ratio = 10000; SELECT $call IS NULL");
	is("$code $stdout", '0 f', "$limit: raised, the same profile passes") or diag $rest;
}

# --- every function ---

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE extreme (id text PRIMARY KEY, p pprof.profile);
CREATE FUNCTION try(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- what an argument without a default is called with
CREATE FUNCTION argument(func text, name text, type regtype) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN type = 'pprof.profile'::regtype THEN 'p'
		WHEN type = 'pprof.profile[]'::regtype THEN 'VARIADIC ARRAY[p, p]'
		WHEN type = 'text[]'::regtype THEN 'VARIADIC ARRAY[''samples'']'
		WHEN type = 'double precision[]'::regtype THEN 'ARRAY[2]'
		WHEN type = 'double precision'::regtype THEN '2'
		WHEN type IN ('bigint'::regtype, 'integer'::regtype) THEN '1'
		WHEN type = 'boolean'::regtype THEN 'true'
		WHEN type = 'jsonb'::regtype THEN '''{"focus": "f"}'''
		WHEN name = 'granularity' THEN '''lines'''
		WHEN name = 'filter' THEN '''size=1:'''
		WHEN name = 'unit' THEN '''bytes'''
		WHEN type = 'text'::regtype THEN '''f'''
	END
$$;
-- a call of each function that takes a profile, and of each aggregate; and each report
CREATE VIEW calls AS
	SELECT f.oid::regprocedure::text AS what,
	       format('SELECT %s FROM extreme WHERE id = %%L', format('%s(%s)', f.oid::regproc, a.list)) AS query
	  FROM pg_proc f,
	       LATERAL (SELECT string_agg(argument(f.proname, f.proargnames[i], t), ', ' ORDER BY i) AS list,
	                       bool_or(t IN ('pprof.profile'::regtype, 'pprof.profile[]'::regtype)) AS takes_profile
	                  FROM unnest(f.proargtypes) WITH ORDINALITY AS u (t, i)
	                 WHERE i <= f.pronargs - f.pronargdefaults) a
	 WHERE f.pronamespace = 'pprof'::regnamespace AND a.takes_profile
	       AND NOT 'internal'::regtype = ANY (f.proargtypes) AND f.prokind IN ('f', 'a')
	UNION ALL
	SELECT format('report %s %s', r, o),
	       format('SELECT pprof.report(p, %L, %L) FROM extreme WHERE id = %%L', r,
	              CASE WHEN r = 'peek' THEN o || '{"peek": "."}' ELSE o END)
	  FROM unnest('{top,tree,peek,traces,tags,raw,comments,dot,callgrind}'::text[]) r,
	       unnest('{"{}","{\"mean\": true}","{\"divide_by\": 0.3}","{\"trim\": false, \"granularity\": \"lines\"}"}'::jsonb[]) o;
SQL
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM calls WHERE query IS NOT NULL'), '>', 60, 'functions were found');
is($node->safe_psql('postgres', "SELECT what FROM calls WHERE query IS NULL"), '', 'all of them can be called');

# Call everything with one profile; what may come out besides an answer.
sub try_all
{
	my ($name, $profile, $allowed, $megabytes) = @_;
	$node->safe_psql('postgres', "INSERT INTO extreme SELECT '$name', $profile");
	my $result = $node->safe_psql('postgres', <<SQL);
SELECT what || ': ' || outcome FROM (SELECT what, try(format(query, '$name')) AS outcome FROM calls OFFSET 0) t
 WHERE outcome <> 'ok' AND outcome !~ '^($allowed)' ORDER BY 1;
SELECT 'peak: ' || h FROM (SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)')::bigint / 1024 AS h) t
 WHERE h > $megabytes;
SQL
	is($result, '', "$name: an answer or ($allowed), within $megabytes MB");
	return;
}

# Values at either end, in the same column and against each other.
my %values = (
	'largest'      => [ [ 'main;f', MAX ],  [ 'main;g', 0 ] ],
	'least'        => [ [ 'main;f', MIN ],  [ 'main;g', 0 ] ],
	'overflow'     => [ [ 'main;f', MAX ],  [ 'main;g', 1 ] ],
	'opposite'     => [ [ 'main;f', MAX ],  [ 'main;g', MIN ] ],
	'cancelling'   => [ [ 'main;f', MAX ],  [ 'main;f', -MAX, { size => 'x' } ] ],
	'one negative' => [ [ 'main;f', -1 ]  ]);
for my $name (sort keys %values)
{
	my $bytes = pprof(
		types       => [ [ 'samples', 'count' ] ],
		period_type => [ 'cpu', 'nanoseconds' ],
		time_nanos  => MAX,
		stacks      => $values{$name});
	try_all($name, "'\\x" . unpack('H*', $bytes) . "'", '22003|' . UNFIT, 300);
}
for my $query (
	"SELECT pprof.total(p) FROM extreme WHERE id = 'overflow'",
	"SELECT pprof.merge(p) FROM extreme WHERE id IN ('largest', 'overflow')",
	"SELECT pprof.report(p) FROM extreme WHERE id = 'overflow'",
	"SELECT pprof.scale(p, 2) FROM extreme WHERE id = 'largest'",
	"SELECT * FROM extreme, pprof.top(p) WHERE id = 'overflow'",
	"SELECT pprof.subtract(p, p) FROM extreme WHERE id = 'least'",
	"SELECT * FROM extreme, pprof.flamegraph(p) WHERE id = 'overflow'")
{
	(my $quoted = $query) =~ s/'/''/g;
	like($node->safe_psql('postgres', "SELECT try('$quoted')"), qr/^22003 .*out of range/, "22003: $query");
}
is($node->safe_psql('postgres', "SELECT flat FROM extreme, pprof.top(p) WHERE id = 'largest' AND flat <> 0"),
	MAX, 'the largest value is right');
is($node->safe_psql('postgres', "SELECT pprof.total(pprof.subtract(p, p)) FROM extreme WHERE id = 'largest'"),
	0, 'and it cancels');

# Nothing at all.
try_all('no samples', "'\\x" . unpack('H*', pprof(types => [ [ 'samples', 'count' ] ], stacks => [])) . "'",
	UNFIT, 300);
try_all('empty stack',
	"'\\x" . unpack('H*', pprof(types => [ [ 'samples', 'count' ] ], stacks => [ [ undef, 5 ] ])) . "'",
	UNFIT, 300);

# --- one stack of a million frames: refused from outside, right from inside ---

sub deep_stack
{
	my ($depth) = @_;
	my $bytes = join '', map { proto_bytes(6, $_) } '', 'samples', 'count', 'f';
	$bytes .= proto_bytes(1, proto_number(1, 1) . proto_number(2, 2));
	$bytes .= proto_bytes(4, proto_number(1, 1) . proto_bytes(4, proto_number(1, 1)));
	$bytes .= proto_bytes(5, proto_number(1, 1) . proto_number(2, 3));
	return $bytes . proto_bytes(2, proto_bytes(1, "\x01" x $depth) . proto_bytes(2, "\x07"));
}

# A few calls with one profile, one session each, so that each has a peak of its own.
sub try_some
{
	my ($name, $megabytes, %calls) = @_;
	for my $call (sort keys %calls)
	{
		my $result = $node->safe_psql('postgres', <<SQL);
SELECT $call FROM extreme WHERE id = '$name';
SELECT 'peak: ' || h FROM (SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)')::bigint / 1024 AS h) t
 WHERE h > $megabytes;
SQL
		is($result, $calls{$call}, "$name: $call within $megabytes MB");
	}
	return;
}

# The type's own input holds to the hard limits alone, as a dump is restored.
$node->safe_psql('postgres', 'CREATE FUNCTION restored(b bytea) RETURNS pprof.profile LANGUAGE sql AS $$ SELECT b::text::pprof.profile $$');
my $deep_file = as_file('deep', deep_stack(DEEP));
like($node->safe_psql('postgres', "SELECT try(\$\$SELECT pprof.from_bytea($deep_file)\$\$)"),
	qr/^54000 .*locations/, 'a million frames are too many from outside');
$node->safe_psql('postgres', "INSERT INTO extreme SELECT 'deep', restored($deep_file)");
try_some('deep', 700,
	'pprof.max_depth(p)'                                       => DEEP,
	'pprof.total(pprof.merge(p, p))'                           => 14,
	'(SELECT cum FROM pprof.top(p))'                           => 7,
	'(SELECT max(level) FROM pprof.flamegraph(p))'             => DEEP,
	q{length(pprof.report(p, 'dot', '{"call_tree": true}')) > 0} => 't',
	q{pprof.max_depth(pprof.focus(p, 'f'))}                    => DEEP);
try_all('not so deep', 'restored(' . as_file('less_deep', deep_stack(DEEP / 20)) . ')', UNFIT, 300);

# --- a string table of 100 MB, each string a function's name ---

sub long_names
{
	my ($n) = @_;
	my $bytes = join '', map { proto_bytes(6, $_) } '', 'samples', 'count';
	$bytes .= proto_bytes(1, proto_number(1, 1) . proto_number(2, 2));
	my $ids = '';
	for my $i (1 .. $n)
	{
		my ($id, $string) = (proto_varint($i), proto_varint($i + 2));
		my $line     = "\x08$id";
		my $location = "\x08$id\x22" . chr(length $line) . $line;
		$bytes .= "\x32\x64" . sprintf 'f%07d%s', $i, 'x' x 92;
		$bytes .= "\x2a" . chr(2 + length($id) + length $string) . "\x08$id\x10$string";
		$bytes .= "\x22" . chr(length $location) . $location;
		$ids   .= $id;
		next if $i % 1000;
		$bytes .= proto_bytes(2, proto_bytes(1, $ids) . proto_bytes(2, "\x01"));
		$ids = '';
	}
	return $bytes;
}

my $wide = long_names(NAMES);
cmp_ok(length $wide, '>', 100_000_000, 'a hundred megabytes of names');
$node->safe_psql('postgres', "INSERT INTO extreme SELECT 'names', pprof.from_bytea(" . as_file('wide', $wide) . ')');
try_some('names', 1500,
	'pprof.num_functions(p)'                       => NAMES,
	'pprof.total(p)'                               => NAMES / 1000,
	'pprof.num_samples(pprof.merge(p, p))'         => NAMES / 1000,
	'(SELECT count(*) FROM pprof.top(p))'          => NAMES);
try_all('fewer names', 'pprof.from_bytea(' . as_file('less_wide', long_names(NAMES / 20)) . ')', UNFIT, 500);

# --- the server ---

is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server stayed up');
unlike(slurp_file($node->logfile), qr/terminated by signal|TRAP:|invalid memory alloc/, 'without a crash');

done_testing();
