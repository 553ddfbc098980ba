# The same bytes are stored, or refused for the same reason, whether they come by
# /ingest or by Push; of what is refused nothing is stored.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use File::Basename;
use PgpprofBridge;
use PgpprofNode;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = pgpprof_node('main', conf => "pprof.accept_past = 0\n");
my $bridge = PgpprofBridge->start($node, '--workers' => 2);

sub sql { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }

# Real profiles, and small ones with something odd or wrong in each.  (No bytes at
# all are nothing to do for /ingest, as in Pyroscope, and no profile for Push.)
my @files = (glob(pgpprof_data('pprof/go/*.pb.gz')), grep { !/\.txtpb$/ && -s } glob(pgpprof_data('pprof/in/*')));
cmp_ok(scalar @files, '>', 100, 'profiles to send');

# A message without what one of the two puts around it, and without labels they do not share.
sub reason
{
	my ($message) = @_;
	$message =~ s/^(?:parsing|pushing) IngestInput-pprof failed (?:push series .*? failed: invalid_argument: )?//;
	$message =~ s/ __name__="[^"]*",| pyroscope_spy="[^"]*",|(?:ingest|push)\.//g;
	return $message;
}

my (@stored, @refused, @differ, @shapeless);
for my $file (@files)
{
	my $name = basename($file);
	my $bytes = slurp_file($file);
	my $ingest = $bridge->request("/ingest?name=ingest.$name&format=pprof", body => $bytes);
	my $push = $bridge->push_profiles({ labels => { __name__ => 'any', service_name => "push.$name" }, profiles => [$bytes] });
	my ($one, $two) = ($ingest->{status} == 200, $push->{status} == 200);
	if ($one && $two)
	{
		push @stored, $name;
		next;
	}
	push @refused, $name;
	push @differ, "$name: $ingest->{status} $push->{status}" if $ingest->{status} != 422 || $push->{status} != 400;
	push @shapeless, "$name: $_->{body}"
	  for grep { ($_->{json}{code} // '') ne 'invalid_argument' || !length($_->{json}{message} // '') } $ingest, $push;
	my ($why, $too) = map { reason($_->{json}{message} // '') } $ingest, $push;
	push @differ, "$name: '$why' '$too'" if $why ne $too;
	# as against the same bytes cast to a profile; labels and limits of them are of the storage alone
	my $sql = sql("SELECT pprof.validate('\\x" . unpack('H*', $bytes) . "', 'pprof')") =~ s/ \(at byte \d+\)$//r;
	push @differ, "$name: '$why' SQL: '$sql'" if $why ne $sql && $sql ne '' && $why ne 'empty profile';
}
cmp_ok(scalar @stored, '>', 60, 'some are stored');
cmp_ok(scalar @refused, '>', 40, 'some are refused');
is(join("\n", @differ), '', 'by both, for the same reason');
is(join("\n", @shapeless), '', 'which is told in the form of the protocol');

my $names = join ', ', map { "('$_')" } @refused;
is(sql("SELECT string_agg(DISTINCT service, ' ') FROM pprof.profiles JOIN (VALUES $names) AS r (name) ON service IN ('ingest.' || name, 'push.' || name)"),
	'', 'nothing of the refused ones is stored');

# the name of a type is the sender's with Push; the rest of it is the profile's
my $rows = q{
	SELECT substr(service, strpos(service, '.') + 1) AS name, substr(profile_type, strpos(profile_type, ':')) AS type,
	       labels - '{service_name,pyroscope_spy}'::text[] AS labels, duration, total, samples FROM pprof.profiles WHERE service LIKE};
is( sql(qq{
	SELECT concat_ws(' ', name, type, labels) FROM ($rows 'ingest.%') a FULL JOIN ($rows 'push.%') b USING (name, type, labels, duration, total)
	 WHERE a.samples IS NULL OR b.samples IS NULL OR a.samples::pprof.profile OPERATOR(pprof.<>) b.samples::pprof.profile}),
	'', 'what is stored is the same, stack by stack');
cmp_ok(sql("SELECT count(*) FROM ($rows 'ingest.%') x"), '>', 100, 'and a lot');

# a profile with a time of its own, both ways under the same labels
my $bytes = slurp_file(pgpprof_data('pprof/go/go123-a-cpu.pb.gz'));
is($bridge->request('/ingest?name=both&format=pprof', body => $bytes)->{status}, 200, 'by /ingest');
my $count = sql("SELECT count(*) FROM pprof.profiles WHERE service = 'both'");
cmp_ok($count, '>', 0, 'it is stored');
is($bridge->push_profiles({ labels => { __name__ => 'process_cpu', service_name => 'both', pyroscope_spy => 'unknown' }, profiles => [$bytes] })->{status},
	200, 'by Push');
is(sql("SELECT count(*) FROM pprof.profiles WHERE service = 'both'"), $count, 'it is not stored again');
is(sql('SELECT count(*) FROM pprof.check()'), 0, 'what is stored is sound');
is($bridge->stop, 0, 'the bridge stops');
done_testing();
