# PgpprofNode.pm: a server with the extension as it was staged, for TAP tests.
#
#     use FindBin;
#     use lib "$FindBin::RealBin/lib";
#     use PgpprofNode;
#
#     my $node = pgpprof_node('main');                            # started, extension created
#     my $node = pgpprof_node('main', conf => "pprof.x = 'y'\n"); # more settings
#     my $node = pgpprof_node('plain', preload => 0, extension => 0, start => 0);
#
# scripts/test.sh sets the environment; without it the tests use what is
# installed in the system.
package PgpprofNode;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use File::Basename;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(pgpprof_node pgpprof_bin pgpprof_data pgpprof_free_port);

# Options: preload (1): shared_preload_libraries = 'pprof'; conf: text for
# postgresql.conf; init: arguments of init(); start (1); extension (1).
sub pgpprof_node
{
	my ($name, %opts) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(@{ $opts{init} // [] });
	$node->append_conf('postgresql.conf', slurp_file($ENV{PGPPROF_STAGE_CONF}))
	  if $ENV{PGPPROF_STAGE_CONF};
	$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pprof'")
	  if $opts{preload} // 1;
	$node->append_conf('postgresql.conf', $opts{conf}) if defined $opts{conf};
	if ($opts{start} // 1)
	{
		$node->start;
		$node->safe_psql('postgres', 'CREATE EXTENSION pprof') if $opts{extension} // 1;
	}
	return $node;
}

# Path of an installed program: pgpprof_bin('pprof-bridge').
sub pgpprof_bin
{
	my ($program) = @_;
	return "$ENV{PGPPROF_BINDIR}/$program" if $ENV{PGPPROF_BINDIR};
	chomp(my $dir = `pg_config --bindir`);
	return "$dir/$program";
}

# Path below tests/data.
sub pgpprof_data
{
	my ($path) = @_;
	return ($ENV{PGPPROF_DATA} // dirname(__FILE__) . '/../../data') . "/$path";
}

# A TCP port of 127.0.0.1 that was free a moment ago.
sub pgpprof_free_port
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
	  or die "no free port: $!";
	return $socket->sockport;
}

1;
