# Whatever dies is started again, and nothing else notices.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use File::Temp;
use PgpprofNode;
use PgpprofTarget;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

# a bridge that only says which process it is, and with what arguments
my $dir = File::Temp->newdir;
my $program = "$dir/bridge";
append_to_file($program, <<"PROGRAM");
#!/bin/sh
echo "\$@" >$dir/arguments
echo \$\$ >$dir/pid.new
mv $dir/pid.new $dir/pid
trap 'exit 0' TERM
while :; do sleep 0.1; done
PROGRAM
chmod 0755, $program or die $!;

my $node = pgpprof_node('main',
	conf => "restart_after_crash = on
pprof.databases = 'postgres, later'
pprof.scrape_reload = '200ms'
pprof.bridge = on
pprof.bridge_path = '$program'
pprof.bridge_listen = '127.0.0.1:4041'
pprof.bridge_database = 'some db'
");
my $session = $node->background_psql('postgres');
my $session_pid = $session->query('SELECT pg_backend_pid()');

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub becomes { my ($sql, $what) = @_; return ok($node->poll_query_until('postgres', $sql), $what) }

sub scrapers
{
	my ($database) = @_;
	return "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pprof scraper' AND datname = '$database'";
}

sub bridge_pid
{
	return -e "$dir/pid" ? int(slurp_file("$dir/pid")) : 0;
}

# Wait until $condition is true, as poll_query_until does.
sub wait_for
{
	my ($condition, $what) = @_;
	for (1 .. 10 * $PostgreSQL::Test::Utils::timeout_default)
	{
		return pass($what) if $condition->();
		Time::HiRes::usleep(100_000);
	}
	return fail($what);
}

# -- the scraper ---------------------------------------------------------------

my $silent = PgpprofTarget->start;
$silent->hang('/debug/pprof/profile');
sql("SELECT pprof.add_scrape_config('c', '3s', '1s')");
sql("SELECT pprof.add_target('c', '" . $silent->address . "')");

becomes('SELECT count(*) = 1 FROM (' . scrapers('postgres') . ') AS s', 'a scraper runs');
my $pid = sql(scrapers('postgres'));
my $died = Time::HiRes::time();
sql("SELECT pg_terminate_backend($pid)");
becomes('SELECT count(*) = 1 FROM (' . scrapers('postgres') . ") AS s WHERE pid <> $pid", 'terminated, it is back');
note(sprintf('... after %.1f s', Time::HiRes::time() - $died));

my $launcher = sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pprof launcher'");
$pid = sql(scrapers('postgres'));
sql("SELECT pg_terminate_backend($launcher)");
becomes("SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'pprof launcher' AND pid <> $launcher",
	'so is the launcher');
becomes('SELECT count(*) = 1 FROM (' . scrapers('postgres') . ") AS s WHERE pid <> $pid", 'with one scraper');

# -- databases come and go -----------------------------------------------------

my $log = slurp_file($node->logfile);
my $told = () = $log =~ /nothing is scraped or maintained in database "later"/g;
cmp_ok($told, '<=', 2, 'a database that is not there is reported once in a life of the launcher');
sql('CREATE DATABASE later');
becomes('SELECT count(*) = 1 FROM (' . scrapers('later') . ') AS s', 'it gets a scraper when it comes');
sql('CREATE DATABASE copy TEMPLATE later');
ok(1, 'it can be copied');
becomes('SELECT count(*) = 1 FROM (' . scrapers('later') . ') AS s', 'and has its scraper again');
sql('DROP DATABASE later');
ok(1, 'it can be dropped');
becomes('SELECT count(*) = 0 FROM (' . scrapers('later') . ') AS s', 'and its scraper stays away');
$node->safe_psql('postgres', 'CREATE DATABASE later');
becomes('SELECT count(*) = 1 FROM (' . scrapers('later') . ') AS s', 'until it is there again');
$node->append_conf('postgresql.conf', "pprof.databases = 'postgres'");
$node->reload;
becomes('SELECT count(*) = 0 FROM (' . scrapers('later') . ') AS s', 'a database struck off the list is left alone');

# -- the bridge ----------------------------------------------------------------

wait_for(sub { bridge_pid() != 0 }, 'the bridge runs');
like(slurp_file("$dir/arguments"),
	qr/^--listen 127\.0\.0\.1:4041 --dbname host='.*' port='\d+' dbname='some db'$/m,
	'it is told where to listen and what to connect to');
my $first = bridge_pid();
$died = Time::HiRes::time();
is(kill(9, $first), 1, 'kill -9 of the bridge');
wait_for(sub { bridge_pid() != $first }, 'it is back');
note(sprintf('... after %.1f s', Time::HiRes::time() - $died));
like(slurp_file($node->logfile), qr/pprof-bridge \(process ID $first\) was terminated by signal 9/, 'the log says so');

my $second = bridge_pid();
$node->append_conf('postgresql.conf', "pprof.bridge_listen = '127.0.0.1:4042'");
$node->reload;
wait_for(sub { bridge_pid() != $second }, 'a changed setting starts it anew');
like(slurp_file("$dir/arguments"), qr/127\.0\.0\.1:4042/, 'with that setting');

is($session->query('SELECT pg_backend_pid()'), $session_pid, 'no other session was touched');
$session->quit;

unlike(slurp_file($node->logfile), qr/PANIC|background worker .* was terminated by signal/, 'nothing crashed');

# -- a crash of the server -----------------------------------------------------

my $victim = sql(scrapers('postgres'));
my $orphan = bridge_pid();
is(kill(9, $victim), 1, 'kill -9 of the scraper, which restarts the server');
wait_for(sub { bridge_pid() != $orphan }, 'the bridge was started again');
wait_for(sub { kill(0, $orphan) == 0 }, 'the former one is gone');
becomes('SELECT count(*) = 1 FROM (' . scrapers('postgres') . ") AS s WHERE pid <> $victim", 'a scraper runs again');
becomes('SELECT max(scrapes) > 0 FROM pprof.scrape_status', 'and scrapes');

# -- shutdown ------------------------------------------------------------------

wait_for(sub { $silent->requests(qr/profile/) > 0 }, 'a request is under way');
my $third = bridge_pid();
$node->stop('fast');
is(kill(0, $third), 0, 'the bridge stopped with the server');
$node->start;
wait_for(sub { bridge_pid() != $third }, 'both are back');
my $last = bridge_pid();
$node->stop('immediate');
wait_for(sub { kill(0, $last) == 0 }, 'the bridge does not outlive a server that was killed');
done_testing();
