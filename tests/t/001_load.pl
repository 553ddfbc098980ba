# The extension loads with and without shared_preload_libraries, and goes again.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use PgpprofNode;
use PostgreSQL::Test::Utils;
use Test::More;

for my $preload (1, 0)
{
	my $node = pgpprof_node("preload$preload", preload => $preload);
	is($node->safe_psql('postgres', "SELECT extversion FROM pg_extension WHERE extname = 'pprof'"),
		'0.1.0', "created with preload $preload");
	is($node->safe_psql('postgres', q{SHOW shared_preload_libraries}),
		$preload ? 'pprof' : '', "preload is $preload");
	$node->safe_psql('postgres', 'DROP EXTENSION pprof CASCADE');
	# the schema stays, as after any DROP EXTENSION; a new install accepts it empty
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_depend
		WHERE refclassid = 'pg_namespace'::regclass AND refobjid = 'pprof'::regnamespace}),
		'0', 'nothing is left in the schema');
	$node->safe_psql('postgres', 'CREATE EXTENSION pprof');
	$node->stop;
}
done_testing();
