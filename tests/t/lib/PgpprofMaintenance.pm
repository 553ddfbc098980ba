# PgpprofMaintenance.pm: maintenance that runs beside what a test does.
#
#     my $script = maintenance_script(100);     # for psql: all steps, again and again
#     my $run = background_script($node, $script);     # runs it in a session of its own
#     ... $run->finish;                                # waits for its end: { status, out, err }
package PgpprofMaintenance;

use strict;
use warnings FATAL => 'all';
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;

our @EXPORT = qw(maintenance_script background_script);

my $scripts = 0;

# One step of one service; busy ones are skipped by the step itself.
sub each_service
{
	my ($call) = @_;
	return "SELECT format('SELECT $call', service_id) FROM pprof.services ORDER BY service_id \\gexec\n";
}

# All steps $times times, each in a transaction of its own, with limits that make
# them stop in the middle of what there is.
sub maintenance_script
{
	my ($times) = @_;
	my $script = "SET pprof.hour_grace = 0;\n";
	for my $i (1 .. $times)
	{
		$script .= 'SET pprof.segment_profiles = ' . (2, 8, 128)[ $i % 3 ] . ";\n";
		$script .= each_service('pprof.compact_service(%s, ' . (50, 20000)[ $i % 2 ] . ')');
		$script .= each_service('pprof.rollup_service(%s, ' . (1, 24)[ $i % 2 ] . ')');
		$script .= each_service('pprof.merge_chunks(%s)') if $i % 3 == 0;
		$script .= "CALL pprof.maintain();\n" if $i % 4 == 0;
	}
	return $script;
}

# psql with a file, not waited for.
sub background_script
{
	my ($node, $script, @options) = @_;
	my $path = "$PostgreSQL::Test::Utils::tmp_check/script_" . ++$scripts . '.sql';
	my $self = bless { out => '', err => '' };
	open my $file, '>:utf8', $path or die "$path: $!";
	print $file $script;
	close $file;
	$self->{handle} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), @options, '-f', $path ],
		'>', \$self->{out}, '2>', \$self->{err});
	return $self;
}

# Take in what it printed so far.
sub pump
{
	my ($self) = @_;
	IPC::Run::pump_nb($self->{handle}) if IPC::Run::pumpable($self->{handle});
	return $self;
}

sub finish
{
	my ($self) = @_;
	IPC::Run::finish($self->{handle});
	$self->{status} = IPC::Run::result($self->{handle});
	return $self;
}

1;
