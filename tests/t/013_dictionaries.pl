# Writers that grow one dictionary at once: whatever is rolled back, prepared,
# killed or restarted in between, every profile that was stored has its names, and
# nothing else is there; with shared memory and without.
use strict;
use warnings FATAL => 'all';
use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $writers = 4;
my $rounds = 25;
my $body = slurp_file("$FindBin::RealBin/../sql/include/body.sql");

# What a writer does: single profiles, batches, savepoints, rollbacks, prepared
# transactions, some of them left for later.  All share the leaves "common N".
sub script
{
	my ($w, $run) = @_;
	my @sql = ('SET pprof.accept_past = 0', "SET synchronous_commit = off");
	for my $i (1 .. $rounds)
	{
		my $at = sprintf '2023-11-14 %02d:%02d:%02dZ', $run, $i, $w;
		my @steps = ("SELECT store('common $i', '$at')", "SELECT store('own $run $w $i', '$at')");
		my @lost = ("SELECT store('lost $run $w $i', '$at')");
		my $name = "p_${run}_${w}_$i";
		my $kind = ($i + $w) % 7;
		if ($kind == 0) { push @sql, 'BEGIN', @steps, @lost, 'ROLLBACK', @steps }
		elsif ($kind == 1) { push @sql, 'BEGIN', $steps[0], 'SAVEPOINT s', @lost, 'ROLLBACK TO s', $steps[1], 'COMMIT' }
		elsif ($kind == 2) { push @sql, 'BEGIN', @steps, "PREPARE TRANSACTION '$name'", "COMMIT PREPARED '$name'" }
		elsif ($kind == 3) { push @sql, 'BEGIN', @lost, "PREPARE TRANSACTION '$name'", "ROLLBACK PREPARED '$name'", @steps }
		elsif ($kind == 4) { push @sql, 'BEGIN ISOLATION LEVEL REPEATABLE READ', 'SELECT count(*) FROM pprof.services', @steps, 'COMMIT' }
		elsif ($kind == 5) { push @sql, 'BEGIN', $steps[0], 'SAVEPOINT s', $steps[1], 'RELEASE s', 'SAVEPOINT t', @lost, 'ROLLBACK TO t', 'COMMIT' }
		else { push @sql, @steps }
	}
	return join(";\n", @sql) . ";\n";
}

# psql that reads statements from a file: it would get a string only when it is waited
# for, and sessions that are to run at once would run one after the other.
my $nscripts = 0;
sub start_session
{
	my ($node, $sql, $err) = @_;
	my $file = "${PostgreSQL::Test::Utils::tmp_check}/session" . ++$nscripts . '.sql';
	append_to_file($file, $sql);
	return IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $file ], '>', '/dev/null', '2>', $err);
}

sub write_all
{
	my ($node, $run) = @_;
	my @sessions;
	for my $w (1 .. $writers)
	{
		my $err = '';
		push @sessions, [ \$err, start_session($node, script($w, $run), \$err) ];
	}
	for my $session (@sessions)
	{
		my $ok = $session->[1]->finish;
		is(${ $session->[0] }, '', "a writer of run $run succeeds");
	}
}

# All leaves of a run with their values: own ones once, common ones once per writer.
sub check_run
{
	my ($node, $run, $what) = @_;
	my $range = sprintf "'2023-11-14 %02d:00Z'::timestamptz, '2023-11-14 %02d:00Z'::timestamptz", $run, $run + 1;
	my $leaves = $node->safe_psql('postgres', "SELECT split_part(label, ' ', 1), count(*), sum(self)
		FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds', '{service_name=\"shop\"}', $range)
		WHERE self > 0 GROUP BY 1 ORDER BY 1");
	my $all = $writers * $rounds;
	is($leaves, "common|$rounds|$all\nown|$all|$all", "$what: every profile of run $run is there, and no other");
}

sub check_all
{
	my ($node, $what) = @_;
	is($node->safe_psql('postgres', 'SELECT * FROM pprof.check()'), '', "$what: check finds nothing");
}

# Sessions that stand in line and find the dictionary full go on with the one that
# another of them has begun: all but one have grown to their size.
sub write_many
{
	my ($node) = @_;
	my @sessions;
	for my $w (1 .. 3)
	{
		my $sql = "SET pprof.accept_past = 0; SET pprof.dictionary_nodes = 1000; SET application_name = 'many';\n";
		# they begin together
		$sql .= q{DO $$ BEGIN WHILE (SELECT count(*) < 3 FROM pg_stat_activity WHERE application_name = 'many') LOOP
			PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END $$;} . "\n";
		$sql .= "SELECT sum(store('many $w $_ ' || i, '2023-11-15 01:00Z'::timestamptz + i * interval '1 s')) FROM generate_series(1, 20) AS i;\n" for 1 .. 60;
		push @sessions, start_session($node, $sql, '/dev/null');
	}
	$_->finish for @sessions;
	is($node->safe_psql('postgres', "SELECT count(*), count(DISTINCT s.stack) FROM pprof.profiles p, pprof.stacks(p.samples::pprof.profile) s WHERE p.at > '2023-11-15'"),
		'3600|3600', 'sessions that stand in line store all');
	is($node->safe_psql('postgres', "SELECT count(*) > 2, count(*) FILTER (WHERE stacks < 900) FROM (SELECT max(pprof.chunk_stacks(data)) AS stacks FROM pprof.chunks WHERE day = '2023-11-15' GROUP BY dict_id) d"),
		't|1', 'and fill one dictionary after the other');
}

for my $preload (1, 0)
{
	my $what = $preload ? 'with shared memory' : 'without';
	my $node = PostgreSQL::Test::Cluster->new("node$preload");
	$node->init;
	$node->append_conf('postgresql.conf', slurp_file($ENV{PGPPROF_STAGE_CONF}));
	$node->append_conf('postgresql.conf', "max_prepared_transactions = 20\npprof.databases = ''");
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pprof'") if $preload;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pprof');
	$node->safe_psql('postgres', $body);
	$node->safe_psql('postgres', q{CREATE FUNCTION store(leaf text, at timestamptz) RETURNS int LANGUAGE sql AS
		$$ SELECT pprof.ingest(body(leaf, 1, at), '{"service_name": "shop"}') $$});
	$node->safe_psql('postgres', "SELECT pprof.add_day('2023-11-14')");
	# who makes a service or a series in REPEATABLE READ while another does must do it again
	$node->safe_psql('postgres', "SET pprof.accept_past = 0; SELECT store('first', '2023-11-14 23:00Z')");

	write_all($node, 0);
	check_run($node, 0, $what);
	check_all($node, $what);
	is($node->safe_psql('postgres', 'SELECT count(*), bool_and(shared) FROM pprof.dictionaries'),
		$preload ? '1|t' : '1|f', "$what: one dictionary of its kind");

	# prepared before a restart, ended after it, when others have written
	$node->safe_psql('postgres', "SET pprof.accept_past = 0; BEGIN; SELECT store('kept', '2023-11-14 20:00Z'); PREPARE TRANSACTION 'kept'");
	$node->safe_psql('postgres', "SET pprof.accept_past = 0; BEGIN; SELECT store('gone', '2023-11-14 20:01Z'); PREPARE TRANSACTION 'gone'") if $preload;
	$node->stop($preload ? 'immediate' : 'fast');
	$node->start;
	if ($preload) { write_all($node, 1) }
	$node->safe_psql('postgres', "COMMIT PREPARED 'kept'");
	$node->safe_psql('postgres', "ROLLBACK PREPARED 'gone'") if $preload;
	if (!$preload) { write_all($node, 1) }
	check_run($node, $_, $what) for 0, 1;
	check_all($node, "$what, after a restart");
	is($node->safe_psql('postgres', 'SELECT count(*) FROM pprof.dictionaries'), $preload ? '2' : '1',
		"$what: a server start begins another dictionary only with counters of its own");
	is($node->safe_psql('postgres', "SELECT label FROM pprof.flamegraph('process_cpu:samples:count:cpu:nanoseconds', '{service_name=\"shop\"}',
		'2023-11-14 20:00Z'::timestamptz, '2023-11-14 21:00Z'::timestamptz) WHERE self > 0"), 'kept', "$what: what was prepared");

	$node->safe_psql('postgres', 'SELECT pprof.merge_chunks(service_id) FROM pprof.services');
	write_all($node, 2);
	check_run($node, $_, $what) for 0 .. 2;
	check_all($node, "$what, after chunks were put together");
	if (!$preload)
	{
		write_many($node);
		check_all($node, "$what, with several dictionaries");
	}
	$node->stop;
}
done_testing();
