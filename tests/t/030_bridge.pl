# The HTTP API: what clients send is stored, what they ask is answered, in the
# words of the protocol; hostile bodies and a lost database leave the daemon up.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use IO::Compress::Gzip qw(gzip $GzipError);
use IO::Socket::INET;
use JSON::PP ();
use MIME::Base64;
use PgpprofBridge;
use PgpprofNode;
use PprofBuilder;
use Test::More;

my $CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
my $T = 1700000000000;    # ms
my @RANGE = (start => $T - 3600000, end => $T + 3600000);
my $FIRST = 'main;work;parse 30, main;work;eval 50, main;work 5, main;gc 10, '
  . 'main;log;write 3, main;log;fmt 2, runtime.idle 4';

# A cpu profile of "stack value, stack value".
sub cpu
{
	my ($text, $ms) = @_;
	return pprof(
		types => [ [ 'cpu', 'nanoseconds' ] ],
		period_type => [ 'cpu', 'nanoseconds' ],
		period => 1,
		time_nanos => ($ms // $T) * 1000000,
		stacks => [ map { [ /^(.*) (-?\d+)$/ ] } split /, /, $text ]);
}

sub gz
{
	my ($bytes) = @_;
	gzip(\$bytes => \my $out) or die $GzipError;
	return $out;
}

my $node = pgpprof_node('main', conf => "pprof.accept_past = 0\n");
my $bridge = PgpprofBridge->start($node, '--max-body' => '2MB', '--workers' => 4);

sub labels
{
	my ($service, %more) = @_;
	return { __name__ => 'process_cpu', service_name => $service, %more };
}

# Levels of a flame graph as numbers, with names and sums.
sub flame
{
	my ($service, %more) = @_;
	my $r = $bridge->query('SelectMergeStacktraces',
		{ profileTypeID => $CPU, labelSelector => "{service_name=\"$service\"}", @RANGE, %more });
	my $graph = $r->{json}{flamegraph} or return { status => $r->{status}, body => $r->{body} };
	return {
		names => $graph->{names},
		levels => [ map { [ map { $_ + 0 } @{ $_->{values} } ] } @{ $graph->{levels} } ],
		total => ($graph->{total} // 0) + 0,
		maxSelf => ($graph->{maxSelf} // 0) + 0
	};
}

sub stored
{
	my ($service) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) FROM pprof.profiles WHERE service = '$service'");
}

subtest 'status' => sub {
	my $r = $bridge->request('/ready');
	is("$r->{status} $r->{body}", "200 ready\n", 'ready');
	$r = $bridge->request('/api/v1/status/buildinfo');
	is($r->{json}{data}{version}, '0.1.0', 'build information');
	$r = $bridge->request('/metrics');
	like($r->{body}, qr/^pprof_bridge_requests_total\{route="ready",status="200"\} 1$/m, 'metrics');
	like($r->{type}, qr{^text/plain; version=0.0.4}, 'metrics are Prometheus text');
	is($bridge->request('/nobody')->{status}, 404, 'unknown path');
};

subtest 'an empty database' => sub {
	my $r = $bridge->query('ProfileTypes', {});
	is("$r->{status} $r->{body}", '200 {}', 'no profile types');
	is_deeply(
		flame('nobody'),
		{ names => ['total'], levels => [ [ 0, 0, 0, 0 ] ], total => 0, maxSelf => 0 },
		'empty flame graph');
	$r = $bridge->query('SelectSeries',
		{ profileTypeID => $CPU, labelSelector => '{}', step => 15, @RANGE });
	is("$r->{status} $r->{body}", '200 {}', 'no series');
};

subtest 'transport of rpcs' => sub {
	for my $method (qw(GET PUT DELETE PATCH OPTIONS))
	{
		my $r = $bridge->request('/querier.v1.QuerierService/ProfileTypes', method => $method);
		is("$r->{status} $r->{headers}{allow} <$r->{body}>", '405 POST <>', $method);
	}
	my $path = '/querier.v1.QuerierService/LabelNames';
	for my $type ('text/plain', 'application/x-protobuf', 'application/grpc', '')
	{
		my $r = $bridge->request($path, body => 'x', headers => ["Content-Type: $type"]);
		is("$r->{status} <$r->{body}>", '415 <>', "Content-Type '$type'");
		like($r->{headers}{'accept-post'}, qr{application/proto}, 'what is accepted');
	}
	for my $type ('application/json; charset=utf-8', 'Application/JSON;charset=UTF-8')
	{
		is($bridge->request($path, body => '{"start":1,"end":2}', headers => ["Content-Type: $type"])
			  ->{status}, 200, $type);
	}
	my $r = $bridge->rpc('querier.v1.QuerierService/Nothing', {});
	is("$r->{status} $r->{type} $r->{body}", "404 text/plain; charset=utf-8 404 page not found\n",
		'unknown rpc');
	$r = $bridge->query('Diff', {});
	is("$r->{status} $r->{body}",
		'501 {"code":"unimplemented","message":"querier.v1.QuerierService.Diff is not implemented"}',
		'known rpc that is not there');
	$r = $bridge->query('LabelNames', '', headers => ['Accept-Encoding: gzip']);
	is("$r->{status} $r->{type} $r->{body}",
		'400 application/json {"code":"invalid_argument","message":"missing time range in the query"}',
		'errors are JSON, uncompressed');
	ok(!$r->{headers}{'content-encoding'}, 'no encoding');
	$r = $bridge->query('LabelNames', '', type => 'json');
	like($r->{body}, qr/unmarshal message: zero-length payload is not a valid JSON object/, 'no JSON');
	is($bridge->query('ProfileTypes', '')->{type}, 'application/proto', 'the codec is echoed');
	is($bridge->query('ProfileTypes', '{"start":"now"}', type => 'json')->{status}, 400, 'a word');
	$r = $bridge->query('ProfileTypes', {}, headers => ['Connect-Protocol-Version: 2']);
	is($r->{json}{message}, 'Connect-Protocol-Version must be "1": got "2"', 'protocol version');
	$r = $bridge->query('ProfileTypes', {}, headers => ['Connect-Timeout-Ms: 12345678901']);
	is($r->{status}, 400, 'time-out of eleven digits');
	is($bridge->query('ProfileTypes', {}, headers => ['Connect-Timeout-Ms: 0'])->{status}, 504,
		'no time left');
	is($bridge->query('ProfileTypes', {}, headers => ['Content-Encoding: br'])->{status}, 501,
		'unknown compression');
	is($bridge->query('ProfileTypes', gz('{}'), type => 'json', headers => ['Content-Encoding: gzip'])
		  ->{status}, 200, 'gzip request');
};

subtest 'requests that are refused' => sub {
	my $bad = '!bad_syntax!';
	my %query = (profileTypeID => $CPU, labelSelector => '{}', step => 15, @RANGE);
	my %without = map { my $key = $_; $key => { map { $_ => $query{$_} } grep { $_ ne $key } keys %query } }
	  keys %query;
	for my $rpc (qw(LabelNames LabelValues Series))
	{
		my %name = $rpc eq 'LabelValues' ? (name => 'service_name') : ();
		is($bridge->query($rpc, \%name)->{status}, 400, "$rpc without range");
		my $r = $bridge->query($rpc, { %name, @RANGE, matchers => [$bad] });
		is($r->{status}, 400, "$rpc with a bad matcher");
		like($r->{json}{message}, qr/^failed to parse label selector "\Q$bad\E": /, 'message');
		is($bridge->query($rpc, { %name, @RANGE, matchers => ['{a=~"("}'] })->{status},
			400, "$rpc with a bad expression");
		is($bridge->query($rpc, { %name, start => 2, end => 1 })->{json}{message},
			'query start time is after end time', "$rpc with start after end");
		is($bridge->query($rpc, { %name, @RANGE })->{status}, 200, "$rpc without matchers");
	}
	is($bridge->query('LabelValues', {@RANGE})->{json}{message}, 'name is required', 'no name');
	for my $rpc (qw(SelectMergeStacktraces SelectSeries))
	{
		is($bridge->query($rpc, \%query)->{status}, 200, $rpc);
		is($bridge->query($rpc, $without{$_})->{status}, 400, "$rpc without $_")
		  for qw(profileTypeID labelSelector start end);
		is($bridge->query($rpc, { %query, profileTypeID => '' })->{status}, 400, 'empty type');
		is( $bridge->query($rpc, { %query, profileTypeID => 'invalid_format' })->{json}{message},
			'profile-type selection must be of the form <name>:<sample-type>:<sample-unit>:'
			  . '<period-type>:<period-unit>(:delta), got(1): "invalid_format"',
			'bad type');
		my $r = $bridge->query($rpc, { %query, labelSelector => $bad });
		like("$r->{status} $r->{json}{message}", qr/^400 parsing label selector "\Q$bad\E": /,
			'bad selector');
		$r = $bridge->query($rpc, { %query, labelSelector => '{a=~"("}' });
		like("$r->{status} $r->{json}{message}", qr/^400 parsing label selector /, 'bad expression');
		is($bridge->query($rpc, { %query, start => $T, end => $T - 1 })->{status}, 400, 'start after end');
		is($bridge->query($rpc, { %query, profileTypeID => "$CPU:delta" })->{status}, 200, 'sixth part');
	}
	is($bridge->query('SelectSeries', $without{step})->{json}{message}, 'step must be >= 1ms', 'step');
	is($bridge->query('SelectMergeStacktraces', { %query, maxNodes => -1 })->{json}{message},
		'max flamegraph nodes limit must be set (max allowed 1048576)', 'negative max_nodes');
	is($bridge->query('SelectMergeStacktraces', { %query, maxNodes => 1048577 })->{json}{message},
		'max flamegraph nodes limit 1048577 is greater than allowed 1048576', 'large max_nodes');
	is($bridge->query('SelectMergeStacktraces', { %query, format => $_ })->{status}, 200, "format $_")
	  for 0, 1, 2, 5, 'PROFILE_FORMAT_FUNCTIONS', 'PROFILE_FORMAT_TREE';
	my $r = $bridge->query('SelectMergeStacktraces',
		{ %query, spanSelector => ['00f067aa0ba902b7'], traceIdSelector => ['0' x 32] });
	is($r->{json}{message}, 'span_selector and trace_id_selector cannot be combined', 'selectors');
};

# One profile with two sample types, two series and a span.
my $P1 = pack 'H*', join '', qw(
  0a04080110020a0408031004120b0a02010212050280dac40912160a010212050180ade2041a04080710081a04080910
  0a12110a0201021205038087a70e1a04080710081a0408013801220a0801100122040801100b220a0802100122040802
  10162a060801100518052a060802100618063200320773616d706c65733205636f756e743203637075320b6e616e6f73
  65636f6e647332046c6561663204726f6f743208656e64706f696e7432022f61320a70726f66696c655f696432103030
  6630363761613062613930326237488080a8b1e39fe7cb175080c8afa0255a04080310046080ade204);
my $PUSH = pack('H*', join '', qw(
	  0ae9020a170a085f5f6e616d655f5f120b70726f636573735f6370750a180a0c736572766963655f6e616d6512086368
	  65636b6f75740a120a095f5f64656c74615f5f120566616c73650a0b0a03656e76120470726f641292020ae901))
  . $P1
  . pack('H*', '1224') . 'b7c2f1de-0000-4000-8000-000000000001';

subtest 'push' => sub {
	my $push = 'push.v1.PusherService/Push';
	is(length $PUSH, 364, 'the vector');
	my $r = $bridge->rpc($push, $PUSH);
	is("$r->{status} $r->{type} <$r->{body}>", '200 application/proto <>', 'proto');
	is($r->{headers}{'content-length'}, 0, 'Content-Length');
	my $rows = stored('checkout');
	cmp_ok($rows, '>=', 2, 'stored');
	my %series = (
		labels => [
			map { { name => $_->[0], value => $_->[1] } }
			  [ '__name__', 'process_cpu' ], [ 'service_name', 'checkout' ],
			[ '__delta__', 'false' ], [ 'env', 'prod' ]
		],
		samples => [
			{ rawProfile => encode_base64($P1, ''), ID => 'b7c2f1de-0000-4000-8000-000000000001' }
		],
		unknown => { member => [] });
	$r = $bridge->rpc($push, { series => [ \%series ] });
	is("$r->{status} $r->{type} $r->{body}", '200 application/json {}', 'JSON');
	my @gzip = (headers => ['Content-Encoding: gzip']);
	is($bridge->rpc($push, gz($PUSH), @gzip)->{status}, 200, 'gzip');
	$r = $bridge->rpc($push, gz(JSON::PP->new->encode({ series => [ \%series ] })), type => 'json', @gzip);
	is("$r->{status} $r->{body}", '200 {}', 'gzip of JSON');
	is(stored('checkout'), $rows, 'what was sent four times is stored once');

	my %all = (labelSelector => '{service_name="checkout"}', profileTypeID => 'process_cpu:samples:count:cpu:nanoseconds');
	is_deeply(
		flame('checkout', %all),
		{
			names => [ 'total', 'root', 'leaf' ],
			levels => [ [ 0, 6, 0, 0 ], [ 0, 6, 1, 1 ], [ 1, 5, 5, 2 ] ],
			total => 6,
			maxSelf => 5
		},
		'samples of all series');
	is_deeply(
		flame('checkout', %all, labelSelector => '{endpoint="/a"}')->{levels},
		[ [ 0, 4, 0, 0 ], [ 0, 4, 1, 1 ], [ 1, 3, 3, 2 ] ],
		'samples of one series');
	is(flame('checkout', labelSelector => '{endpoint=""}')->{total}, 20000000, 'the other one, in time');
	$r = $bridge->query('Series', { @RANGE, matchers => ['{service_name="checkout",endpoint!=""}'] });
	is(scalar grep({ $_->{name} eq '__delta__' } map { @{ $_->{labels} } } @{ $r->{json}{labelsSet} }),
		0, '__delta__ is gone');

	$r = $bridge->rpc($push, '');
	is("$r->{status} $r->{body}", '400 {"code":"invalid_argument","message":"no profiles received"}',
		'nothing');
	$r = $bridge->rpc($push, "\x0a\xff");
	like("$r->{status} $r->{json}{message}", qr/^400 unmarshal message: /, 'truncated');
	for my $bytes ('', 'x', "\x1f\x8b", 'no profile at all', substr($P1, 0, 100), gz('x'))
	{
		$r = $bridge->push_profiles({ labels => labels('bad'), profiles => [$bytes] });
		is("$r->{status} $r->{json}{code}", '400 invalid_argument', 'malformed profile');
	}
	is(stored('bad'), 0, 'nothing of them is stored');
	$r = $bridge->push_profiles(
		{ labels => labels('partial'), profiles => [ cpu('a 1'), 'rubbish', cpu('a 2', $T + 1000) ] });
	is($r->{status}, 400, 'one of three is bad');
	is(flame('partial')->{total}, 3, 'the others are stored');
	$r = $bridge->push_profiles({ labels => { __name__ => 'process_cpu', env => '' }, profiles => [ cpu('a 1') ] });
	is($r->{status}, 200, 'no service, an empty label');
	is(flame('unknown_service')->{total}, 1, 'unknown_service');
	$r = $bridge->push_profiles({ labels => labels('x', 'long' => 'v' x 100000), profiles => [ cpu('a 1') ] });
	is("$r->{status} $r->{json}{code}", '400 invalid_argument', 'label value too long');
};

subtest 'ingest' => sub {
	my $name = '/ingest?name=shop%7Benv%3Dprod%2C__x__%3Dy%7D&from=1700000000&until=1700000010'
	  . '&spyName=gospy&sampleRate=100';
	my @form = (headers => ['Content-Type: multipart/form-data; boundary=XX']);
	my $config = '{"samples":{"units":"samples","display-name":"cpu","sampled":true}}';
	my $form = $bridge->form(profile => $P1, sample_type_config => $config);
	(my $values = $form) =~ s/; filename="[^"]*"//g;

	my $r = $bridge->request($name, body => $values, @form);
	is("$r->{status} <$r->{body}>", '200 <>', 'parts without a file name');
	is(stored('shop'), 0, 'are not seen');
	$r = $bridge->request($name, body => $form, @form);
	is("$r->{status} <$r->{body}>", '200 <>', 'multipart');
	my $rows = stored('shop');
	is($rows, stored('checkout'), 'stored as by push');
	is($bridge->request($name, body => $bridge->form(profile => gz($P1)), @form)->{status}, 200, 'gzip part');
	is($bridge->request("$name&format=pprof", body => $P1)->{status}, 200, 'raw');
	is($bridge->request("$name&format=pprof", body => gz($P1))->{status}, 200, 'raw gzip');
	is($bridge->request("$name&format=pprof", body => gz($P1), headers => ['Content-Encoding: gzip'])
		  ->{status}, 200, 'Content-Encoding');
	is($bridge->request("$name&format=pprof", body => $form, @form)->{status}, 200, 'format and form');
	is($bridge->request("/$name&format=pprof", body => $P1)->{status}, 200, 'two slashes');
	is($bridge->request("/pyroscope$name&format=pprof", body => $P1, headers => ['Transfer-Encoding: chunked'])
		  ->{status}, 200, 'chunked, under its other name');
	is(stored('shop'), $rows, 'what was sent nine times is stored once');
	is_deeply(flame('shop'), flame('checkout'), 'the same samples as by push');
	$r = $bridge->query('Series', { @RANGE, matchers => ['process_cpu{service_name="shop",endpoint=""}'],
			labelNames => [qw(env pyroscope_spy __x__ __name__ service_name)] });
	is_deeply(
		$r->{json},
		{
			labelsSet => [
				{
					labels => [
						map { { name => $_->[0], value => $_->[1] } }
						  [ '__name__', 'process_cpu' ], [ 'env', 'prod' ],
						[ 'pyroscope_spy', 'gospy' ], [ 'service_name', 'shop' ]
					]
				}
			]
		},
		'labels');

	$r = $bridge->request("/ingest?format=pprof", body => $P1);
	is("$r->{status} $r->{body}",
		qq(400 {"code":"invalid_argument","message":"name: service name is required"}\n), 'no name');
	is($r->{headers}{'x-content-type-options'}, 'nosniff', 'nosniff');
	$r = $bridge->request("/ingest?name=a%20b&format=pprof", body => $P1);
	like("$r->{status} $r->{json}{message}", qr/^400 name: invalid service name: a b: /, 'bad name');
	for my $format (qw(jfr lines trie tree speedscope folded))
	{
		$r = $bridge->request("/ingest?name=a&format=$format", body => 'a;b 1');
		is("$r->{status} $r->{json}{message}", "422 format \"$format\" is not supported yet", $format);
	}
	$r = $bridge->request($name, body => $bridge->form(profile => $P1, prev_profile => $P1), @form);
	like("$r->{status} $r->{json}{message}", qr/^422 .*unsupported client version/, 'prev_profile');
	is($bridge->request($name, body => $_->[1], @form)->{status}, $_->[0], $_->[2])
	  for [ 422, 'x', 'no form' ], [ 422, substr($form, 0, 300), 'half a form' ],
	  [ 422, $bridge->form(profile => 'rubbish'), 'malformed profile' ],
	  [ 422, $bridge->form(profile => $P1, sample_type_config => '{'), 'malformed configuration' ],
	  [ 200, $bridge->form(profile => ''), 'empty profile' ],
	  [ 200, $bridge->form(other => 'x'), 'no profile' ];
	is($bridge->request($name, body => 'x', headers => ['Content-Type: multipart/form-data'])->{status},
		422, 'no boundary');
	is($bridge->request('/ingest')->{status}, 405, 'GET');

	# a profile without a time gets that of the request
	my $untimed = pprof(
		types => [ [ 'inuse_space', 'bytes' ] ],
		stacks => [ [ 'a', 5 ] ]);
	$bridge->request("/ingest?name=untimed&from=1700000000&format=pprof", body => $untimed);
	$r = $bridge->query('SelectMergeStacktraces', { profileTypeID => 'memory:inuse_space:bytes::',
			labelSelector => '{service_name="untimed"}', start => $T, end => $T });
	is($r->{json}{flamegraph}{total}, 5, 'time from the request, name from the sample type');
};

subtest 'flame graphs' => sub {
	is($bridge->push_profiles({ labels => labels('p1'), profiles => [ cpu($FIRST) ] })->{status}, 200, 'pushed');
	my @names = qw(total runtime.idle main work parse eval log write fmt gc);
	my @levels = (
		[ 0, 104, 0, 0 ],
		[ 0, 100, 0, 2, 0, 4, 4, 1 ],
		[ 0, 10, 10, 9, 0, 5, 0, 6, 0, 85, 5, 3 ],
		[ 10, 2, 2, 8, 0, 3, 3, 7, 5, 50, 50, 5, 0, 30, 30, 4 ]);
	my $whole = { names => \@names, levels => \@levels, total => 104, maxSelf => 50 };
	is_deeply(flame('p1', maxNodes => $_), $whole, "all nodes with max_nodes $_") for 0, 9, 10, 8192;
	is_deeply(flame('p1', start => $T, end => $T), $whole, 'the range is closed');
	is(flame('p1', start => $T + 1)->{total}, 0, 'one later');
	is(flame('p1', end => $T - 1)->{total}, 0, 'one earlier');

	my @head = @levels[ 0, 1 ];
	my %folded = (
		1 => [ [qw(total other main)], 100, [ 0, 100, 100, 1 ] ],
		2 => [ [qw(total other main work)], 80, [ 0, 85, 5, 3, 0, 15, 15, 1 ], [ 5, 80, 80, 1 ] ],
		3 => [ [qw(total other main work eval)], 50, [ 0, 85, 5, 3, 0, 15, 15, 1 ],
			[ 5, 50, 50, 4, 0, 30, 30, 1 ] ],
		4 => [ [qw(total other main work parse eval)], 50, [ 0, 85, 5, 3, 0, 15, 15, 1 ],
			[ 5, 50, 50, 5, 0, 30, 30, 4 ] ],
		5 => [ [qw(total other main work parse eval gc)], 50, [ 0, 10, 10, 6, 0, 85, 5, 3, 0, 5, 5, 1 ],
			[ 15, 50, 50, 5, 0, 30, 30, 4 ] ],
		6 => [ [qw(total other main work parse eval log gc)], 50, [ 0, 10, 10, 7, 0, 5, 0, 6, 0, 85, 5, 3 ],
			[ 10, 5, 5, 1, 5, 50, 50, 5, 0, 30, 30, 4 ] ],
		7 => [ [qw(total runtime.idle main work parse eval log other gc)], 50,
			[ 0, 10, 10, 8, 0, 5, 0, 6, 0, 85, 5, 3 ], [ 10, 5, 5, 7, 5, 50, 50, 5, 0, 30, 30, 4 ] ],
		8 => [ [qw(total runtime.idle main work parse eval log other write gc)], 50,
			[ 0, 10, 10, 9, 0, 5, 0, 6, 0, 85, 5, 3 ],
			[ 10, 3, 3, 8, 0, 2, 2, 7, 5, 50, 50, 5, 0, 30, 30, 4 ] ]);
	for my $k (sort keys %folded)
	{
		my ($expected, $max_self, @rest) = @{ $folded{$k} };
		is_deeply(
			flame('p1', maxNodes => $k),
			{ names => $expected, levels => [ @head, @rest ], total => 104, maxSelf => $max_self },
			"max_nodes $k");
	}

	my %corners = (
		'a;a;a 4, a;a 1, a 2' =>
		  [ [qw(total a)], [ 0, 7, 0, 0 ], [ 0, 7, 2, 1 ], [ 2, 5, 1, 1 ], [ 3, 4, 4, 1 ] ],
		'a;other;x 6, a;b 3, a;c 1' => [ [qw(total a other c b)], [ 0, 10, 0, 0 ], [ 0, 10, 0, 1 ],
			[ 0, 3, 3, 4, 0, 1, 1, 3, 0, 6, 6, 2 ] ],
		'total 2,  3' => [ [ 'total', '' ], [ 0, 5, 0, 0 ], [ 0, 3, 3, 1, 0, 2, 2, 0 ] ],
		'a 0, c 1' => [ [qw(total c)], [ 0, 1, 0, 0 ], [ 0, 1, 1, 1 ] ]);
	my $n = 0;
	for my $stacks (sort keys %corners)
	{
		my ($expected, @rows) = @{ $corners{$stacks} };
		my $service = 'corner' . ++$n;
		$bridge->push_profiles({ labels => labels($service), profiles => [ cpu($stacks) ] });
		my $got = flame($service);
		is_deeply([ $got->{names}, @{ $got->{levels} } ], $corners{$stacks}, "stacks $stacks");
	}

	my $r = $bridge->query('SelectMergeStacktraces',
		{ profileTypeID => $CPU, labelSelector => '{service_name="p1"}', @RANGE, format => 2 });
	is(unpack('H*', decode_base64($r->{json}{tree})),
		'0000020c72756e74696d652e69646c650400046d61696e000304776f726b05020570617273651e0004'
		  . '6576616c3200036c6f670002057772697465030003666d7402000267630a00', 'serialised tree');
	my $site = { callSite => [ { name => 'main' }, { name => 'log' } ] };
	is_deeply(
		flame('p1', stackTraceSelector => $site)->{levels},
		[ [ 0, 5, 0, 0 ], [ 0, 5, 0, 1 ], [ 0, 5, 0, 2 ], [ 0, 2, 2, 4, 0, 3, 3, 3 ] ],
		'stacks under a call site');
	is(flame('p1', stackTraceSelector => { callSite => [ { name => 'log' } ] })->{total}, 0,
		'a call site begins at the root');
};

subtest 'labels' => sub {
	$bridge->push_profiles({ labels => labels('named', 'k8s.pod' => 'pod-1', zone => 'b'), profiles => [ cpu('a 1') ] });
	my @match = (matchers => ['{service_name="named"}'], @RANGE);
	my @private = qw(__name__ __period_type__ __period_unit__ __profile_type__ __service_name__ __type__
	  __unit__);
	my $r = $bridge->query('LabelNames', {@match});
	is_deeply($r->{json}{names}, [ @private, qw(service_name zone) ], 'names');
	for my $accept ('*/*; allow-utf8-labelnames=true', '*/*;allow-utf8-labelnames=true, text/plain')
	{
		$r = $bridge->query('LabelNames', {@match}, headers => ["Accept: $accept"]);
		is_deeply($r->{json}{names}, [ @private, qw(k8s.pod service_name zone) ], "names with $accept");
	}
	is_deeply($bridge->query('LabelValues', { @match, name => 'zone' })->{json}{names}, ['b'], 'values');
	is_deeply($bridge->query('LabelValues', { @match, name => '__profile_type__' })->{json}{names},
		[$CPU], 'private values');
	is($bridge->query('LabelValues', { @match, name => 'nothing' })->{body}, '{}', 'no such label');
	$r = $bridge->query('Series', { @match, labelNames => [qw(zone service_name nothing)] });
	is_deeply(
		$r->{json}{labelsSet},
		[ { labels => [ { name => 'service_name', value => 'named' }, { name => 'zone', value => 'b' } ] } ],
		'series, restricted');
	is($bridge->query('Series', { @match, labelNames => ['nothing'] })->{body}, '{}', 'no such name');
	$r = $bridge->query('ProfileTypes', { start => $T, end => $T });
	my ($type) = grep { $_->{ID} eq $CPU } @{ $r->{json}{profileTypes} };
	is_deeply(
		$type,
		{
			ID => $CPU,
			name => 'process_cpu',
			sampleType => 'cpu',
			sampleUnit => 'nanoseconds',
			periodType => 'cpu',
			periodUnit => 'nanoseconds'
		},
		'profile types');
};

subtest 'time series' => sub {
	my $base = 1700100000000;
	my @profiles = (
		[ 1000000, 100, 'a' ], [ 1000000, 7, 'b' ], [ 1010000, 200, 'a' ], [ 1015000, 40, 'a' ],
		[ 1015001, 60, 'a' ], [ 1045000, 11, 'b' ], [ 1059000, 9, 'a' ]);
	for my $p (@profiles)
	{
		$bridge->push_profiles({ labels => labels("series-$p->[2]", set => 'v7'),
				profiles => [ cpu("f $p->[1]", $base + $p->[0]) ] });
	}
	my %query = (
		profileTypeID => $CPU,
		labelSelector => '{set="v7"}',
		start => $base + 1000000,
		end => $base + 1050000,
		step => 15,
		groupBy => ['service_name']);
	my $points = sub {
		my $r = $bridge->query('SelectSeries', { %query, @_ });
		return [
			map {
				my $series = $_;
				[
					join(',', map { "$_->{name}=$_->{value}" } @{ $series->{labels} // [] }),
					map { [ $_->{timestamp} - $base, $_->{value} ] } @{ $series->{points} }
				]
			} @{ $r->{json}{series} }
		];
	};
	my $a = [ 'service_name=series-a', [ 1000000, 100 ], [ 1015000, 240 ], [ 1030000, 60 ] ];
	my $b = [ 'service_name=series-b', [ 1000000, 7 ], [ 1045000, 11 ] ];
	is_deeply($points->(), [ $a, $b ], 'sums by group, the greatest first');
	is_deeply($points->(limit => 1), [$a], 'limit');
	is_deeply(
		$points->(aggregation => 'TIME_SERIES_AGGREGATION_TYPE_AVERAGE'),
		[ [ 'service_name=series-a', [ 1000000, 100 ], [ 1015000, 120 ], [ 1030000, 60 ] ], $b ],
		'averages over profiles');
	is_deeply(
		$points->(groupBy => []),
		[ [ '', [ 1000000, 107 ], [ 1015000, 240 ], [ 1030000, 60 ], [ 1045000, 11 ] ] ],
		'one series without groups');
	is_deeply(
		$points->(groupBy => [ 'set', 'nothing', 'service_name' ])->[0][0],
		'set=v7,service_name=series-a', 'labels in the order of the request');
	$bridge->push_profiles({ labels => labels('unaligned'),
			profiles => [ map { cpu("f $_->[1]", $base + $_->[0]) } [ 1000100, 1 ], [ 1007000, 2 ],
				[ 1022000, 4 ], [ 1022001, 8 ], [ 1030000, 16 ] ] });
	is_deeply(
		$points->(labelSelector => '{service_name="unaligned"}', groupBy => [],
			start => $base + 1007000, end => $base + 1030000),
		[ [ '', [ 1007000, 3 ], [ 1022000, 4 ] ] ],
		'buckets start at the start');
};

subtest 'render' => sub {
	my $goroutines = pprof(
		types => [ [ 'goroutine', 'count' ] ],
		period_type => [ 'goroutine', 'count' ],
		period => 1,
		time_nanos => $T * 1000000,
		stacks => [ [ 'a<b>&c;x', 5 ] ]);
	$bridge->push_profiles({ labels => { __name__ => 'goroutines', service_name => 'escaped' }, profiles => [$goroutines] });
	my $render = sub { $bridge->request('/pyroscope/render?' . join '&', @_) };
	my @range = ('from=1699999970', 'until=1700000030');
	my $r = $render->('query=goroutines:goroutine:count:goroutine:count%7Bservice_name%3D%22escaped%22%7D', @range);
	is("$r->{status} $r->{type}", '200 application/json', 'status');
	like($r->{body}, qr/"names":\["total","a\\u003cb\\u003e\\u0026c","x"\]/, 'escaped names');
	like($r->{body}, qr/\n\z/, 'newline');
	is_deeply($r->{json}{flamebearer}{levels}, [ [ 0, 5, 0, 0 ], [ 0, 5, 0, 1 ], [ 0, 5, 5, 2 ] ], 'levels');
	is_deeply(
		$r->{json}{metadata},
		{ format => 'single', spyName => '', sampleRate => 100, units => 'objects', name => 'goroutine' },
		'metadata');
	is_deeply(
		$r->{json}{timeline},
		{ startTime => 1699999965, samples => [ 0, 0, 5, 0 ], durationDelta => 15, watermarks => undef },
		'time line');
	is_deeply([ @{ $r->{json} }{qw(version groups heatmap)} ], [ 1, undef, undef ], 'the rest');

	my $query = "query=$CPU%7Bservice_name%3D~%22series-.%22%7D";
	@range = ('from=1700101000', 'until=1700101060');
	$r = $render->($query, @range, 'groupBy=service_name', 'format=pprof', 'max-nodes=x');
	is($r->{json}{metadata}{units}, 'samples', 'units of cpu');
	is_deeply([ sort keys %{ $r->{json}{groups} } ], [ 'series-a', 'series-b' ], 'groups');
	is($r->{json}{groups}{'series-a'}{durationDelta}, 15, 'a time line each');
	is(scalar grep({ $_ != 0 } @{ $r->{json}{timeline}{samples} }), 0, 'none for both');
	is_deeply([ keys %{ $render->($query, 'from=1600000000', 'until=1600000060', 'groupBy=x')->{json}{groups} } ],
		[], 'no groups without data');

	my @refused = (
		[ 'from=1', '{"code":"invalid_argument","message":"\"query\" is required"}' ],
		[ 'query=%7B', 'failed to parse \"query\": ' ],
		[ 'query=%7B%7D', '\"query\" must contain a profile-type selection' ],
		[ 'query=abc%7B%7D', 'profile-type selection must be of the form' ],
		[ "query=$CPU%7B%7D&from=0", 'missing time range in the query' ],
		[ "query=$CPU%7B%7D&max-nodes=-1", 'max flamegraph nodes limit must be set' ]);
	for my $case (@refused)
	{
		$r = $render->($case->[0]);
		is($r->{status}, 400, $case->[0]);
		like($r->{body}, qr/\Q$case->[1]\E/, 'message');
	}
	is($bridge->request('/pyroscope/render', method => 'POST')->{status}, 405, 'POST');
};

subtest 'caps of a service' => sub {
	$node->safe_psql('postgres', "SELECT pprof.set_service_limits('capped', max_series => 1)");
	my $r = $bridge->push_profiles({ labels => labels('capped', pod => 'a'), profiles => [ cpu('main 1') ] });
	is($r->{status}, 200, 'the first series');
	$r = $bridge->push_profiles({ labels => labels('capped', pod => 'b'), profiles => [ cpu('main 1') ] });
	is("$r->{status} $r->{json}{code}", '429 resource_exhausted', 'another one is one too many');
	like($r->{json}{message}, qr/service "capped" would have more than 1 series/, 'message');
	$r = $bridge->request('/ingest?name=capped%7Bpod%3Dc%7D&format=pprof', body => cpu('main 2'));
	is($r->{status}, 429, 'ingest');
	$r = $bridge->push_profiles({ labels => labels('capped', pod => 'a'), profiles => [ cpu('main 2') ] });
	is($r->{status}, 200, 'the first goes on');
	is(stored('capped'), '2', 'what is stored');
	$node->safe_psql('postgres', "SELECT pprof.drop_service_limits('capped'); SELECT pprof.delete_service('capped')");
};

subtest 'hostile bodies' => sub {
	my $push = 'push.v1.PusherService/Push';
	my $big = 'x' x 3000000;
	my @no_expect = (headers => ['Expect:']);
	for my $headers ([], ['Expect:'], [ 'Expect:', 'Transfer-Encoding: chunked' ])
	{
		my $r = $bridge->rpc($push, $big, headers => $headers);
		is("$r->{status} $r->{json}{code}", '429 resource_exhausted', "too large for push (@$headers)");
		$r = $bridge->request('/ingest?name=a&format=pprof', body => $big, headers => $headers);
		is("$r->{status} $r->{json}{code}", '413 invalid_argument', "too large for ingest (@$headers)");
	}
	my $bomb = gz("\0" x 30000000);
	my $r = $bridge->rpc($push, $bomb, headers => ['Content-Encoding: gzip']);
	is("$r->{status} $r->{json}{code}", '429 resource_exhausted', 'bomb');
	$r = $bridge->push_profiles({ labels => labels('bomb'), profiles => [$bomb] });
	is("$r->{status} $r->{json}{code}", '400 invalid_argument', 'bomb within');
	$r = $bridge->request('/ingest?name=a&format=pprof', body => $bomb);
	is($r->{status}, 422, 'bomb of a profile');
	$r = $bridge->rpc($push, "\x0a\x00" x 500000);
	is($r->{status}, 429, 'many empty series');
	$r = $bridge->rpc($push, '{"series":[' . join(',', ('{}') x 300000) . ']}', type => 'json');
	is($r->{status}, 429, 'many empty series in JSON');
	$r = $bridge->rpc($push, '[' x 100000, type => 'json');
	is($r->{status}, 400, 'deep JSON');
	$r = $bridge->rpc($push, $PUSH, headers => ['Content-Encoding: gzip']);
	is($r->{status}, 400, 'gzip that is none');
	$r = $bridge->rpc($push, substr(gz($PUSH), 0, 100), headers => ['Content-Encoding: gzip']);
	is($r->{status}, 400, 'half a gzip');
	srand(4242);
	my @wrong;
	for my $i (1 .. 60)
	{
		# bytes of a real request with some of them changed, and noise
		my $bytes = $i % 2 ? $PUSH : join '', map { chr int rand 256 } 1 .. 1 + int rand 400;
		substr($bytes, int rand length $bytes, 1) = chr int rand 256 for 1 .. 3;
		my $status =
		  $i % 3
		  ? $bridge->rpc($push, $bytes, type => $i % 5 ? 'proto' : 'json')->{status}
		  : $bridge->request('/ingest?name=noise', body => $bridge->form(profile => $bytes),
			headers => ['Content-Type: multipart/form-data; boundary=XX'])->{status};
		push @wrong, "$i: $status" unless $status =~ /^(200|400|422)$/;
	}
	is("@wrong", '', 'noise is refused (or a profile)');
	is($bridge->request('/ready')->{status}, 200, 'still there');
	is($bridge->request('/metrics')->{body} =~ /^pprof_bridge_inflight_bytes (\d+)$/m && $1, 0, 'no bytes held');
};

subtest 'large profiles and answers' => sub {
	my $large = cpu(join ', ', map { "main;function_with_quite_a_long_name_$_ $_" } 1 .. 10000);
	is($bridge->push_profiles({ labels => labels('large'), profiles => [$large] })->{status}, 200, 'stored');
	my $body = JSON::PP->new->encode({ profileTypeID => $CPU, labelSelector => '{service_name="large"}',
			maxNodes => 20000, @RANGE });
	my $r = $bridge->query('SelectMergeStacktraces', $body, type => 'json');
	is(scalar @{ $r->{json}{flamegraph}{names} }, 10002, 'all names');
	my $plain = $r->{body};
	$r = $bridge->query('SelectMergeStacktraces', $body, type => 'json', headers => ['Accept-Encoding: gzip, br']);
	is($r->{headers}{'content-encoding'}, 'gzip', 'compressed on request');
	require IO::Uncompress::Gunzip;
	IO::Uncompress::Gunzip::gunzip(\$r->{body} => \my $unpacked);
	is($unpacked, $plain, 'the same bytes');
};

subtest 'tenants' => sub {
	my $tenants = PgpprofBridge->start($node, '--tenant-header' => 'on', '--workers' => 1);
	my $request = $tenants->push_request({ labels => labels('tenant'), profiles => [ cpu('a 1') ] });
	my $push = 'push.v1.PusherService/Push';
	my $r = $tenants->rpc($push, $request);
	is("$r->{status} $r->{body}", '401 {"code":"unauthenticated","message":"no org id"}', 'none');
	for my $bad ('a|b', 'a/b', 'x' x 151, '..')
	{
		is($tenants->rpc($push, $request, headers => ["X-Scope-OrgID: $bad"])->{status}, 400, "'$bad'");
	}
	is($tenants->rpc($push, $request, headers => ['X-Scope-OrgID: team-1:meta'])->{status}, 200, 'one');
	my $values = sub {
		$tenants->query('LabelValues', { name => 'service_name', @RANGE }, headers => ["X-Scope-OrgID: $_[0]"])
		  ->{body};
	};
	is($values->('team-1'), '{"names":["tenant"]}', 'sees its own');
	is($values->('team-2'), '{}', 'not those of others');
	is(flame('tenant')->{total}, 0, 'nor does the default tenant');
	is($tenants->request('/ready')->{status}, 200, 'status needs no tenant');
	is($tenants->stop, 0, 'stopped');
};

subtest 'roles' => sub {
	my $writer = PgpprofBridge->start($node, '--role' => 'pprof_ingest', '--workers' => 1);
	is($writer->push_profiles({ labels => labels('role'), profiles => [ cpu('a 1') ] })->{status}, 200, 'may write');
	my $r = $writer->query('LabelNames', {@RANGE});
	is("$r->{status} $r->{json}{code}", '403 permission_denied', 'may not read');
	is($writer->stop('INT'), 0, 'stopped');
};

subtest 'limits of memory and queue' => sub {
	my $small = PgpprofBridge->start($node, '--max-inflight' => '100kB', '--workers' => 1, '--queue' => 1);
	my $r = $small->rpc('push.v1.PusherService/Push', 'x' x 200000);
	is("$r->{status} $r->{json}{code} $r->{headers}{'retry-after'}", '503 unavailable 1', 'no memory');
	$r = $small->rpc('push.v1.PusherService/Push', 'x' x 200000, headers => ['Transfer-Encoding: chunked']);
	is($r->{status}, 503, 'no memory for chunks');
	my $lock = $node->background_psql('postgres');
	$lock->query_safe('BEGIN; LOCK TABLE pprof.services');
	# the first takes the worker, the second the place in the queue; then it is full
	my $later = sub {
		$small->request_later('/push.v1.PusherService/Push', method => 'POST',
			body => $small->push_request({ labels => labels($_[0]), profiles => [ cpu('a 1') ] }),
			headers => ['Content-Type: application/proto']);
	};
	my @waiting = $later->('queue1');
	$node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
	  or die 'the first request does not wait for the lock';
	push @waiting, $later->('queue2');
	for (1 .. 1000)
	{
		last if $small->request('/metrics')->{body} =~ /^\S*queue_depth 1$/m;
	}
	my $full = $small->request('/ready', curl => [ '--max-time', '5' ]);
	is("$full->{status} $full->{json}{message}", '503 too many requests are waiting', 'queue is full');
	is($small->request('/metrics')->{status}, 200, 'metrics need no worker');
	$lock->query_safe('ROLLBACK');
	$lock->quit;
	is(join(' ', map { $_->()->{status} } @waiting), '200 200', 'those that waited are answered');
	is($small->stop, 0, 'stopped');
};

subtest 'the database goes and comes back' => sub {
	$node->stop('immediate');
	is($bridge->request('/ready')->{status}, 503, 'not ready');
	my $r = $bridge->push_profiles({ labels => labels('later'), profiles => [ cpu('a 1') ] });
	is("$r->{status} $r->{json}{code} $r->{headers}{'retry-after'}", '503 unavailable 1', 'push');
	is($bridge->query('ProfileTypes', {})->{status}, 503, 'query');
	is($bridge->request('/ingest?name=later&format=pprof', body => $P1)->{status}, 503, 'ingest');
	$node->start;
	my $ready = 0;
	for (1 .. 200)
	{
		last if $ready = $bridge->request('/ready')->{status} == 200;
		select(undef, undef, undef, 0.1);
	}
	ok($ready, 'ready again');
	# every worker finds out by itself
	my $good = 0;
	for (1 .. 200)
	{
		my $status = $bridge->push_profiles({ labels => labels('later'), profiles => [ cpu('a 1') ] })->{status};
		$good = $status == 200 ? $good + 1 : 0;
		last if $good == 8;
		select(undef, undef, undef, 0.1);
	}
	is($good, 8, 'pushes are stored again');
	is(stored('later'), 1, 'once');
};

subtest 'clients that stall' => sub {
	my $other = PgpprofBridge->start($node, '--stop-timeout' => 1, '--workers' => 1);
	my ($address) = $other->{url} =~ m{//(.*)};
	my $socket = IO::Socket::INET->new(PeerAddr => $address) or die "could not connect: $!";
	print $socket "POST /ingest?name=a&format=pprof HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";
	$socket->flush;
	my $begun = 0;
	for (1 .. 100)
	{
		last if $begun = $other->request('/metrics')->{body} =~ /^pprof_bridge_inflight_requests 2$/m;
		select(undef, undef, undef, 0.05);
	}
	ok($begun, 'a request that does not end');
	is($other->stop, 0, 'does not keep the daemon');
};

subtest 'a graceful stop' => sub {
	my $lock = $node->background_psql('postgres');
	$lock->query_safe('BEGIN; LOCK TABLE pprof.services');
	my $answer = $bridge->request_later('/push.v1.PusherService/Push', method => 'POST',
		body => $bridge->push_request({ labels => labels('last'), profiles => [ cpu('a 1') ] }),
		headers => ['Content-Type: application/proto']);
	ok($node->poll_query_until('postgres',
			"SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"), 'a push waits');
	$bridge->{run}->signal('TERM');
	my $refused = 0;
	for (1 .. 100)
	{
		last if $refused = $bridge->request('/ready')->{status} == 0;
		select(undef, undef, undef, 0.05);
	}
	ok($refused, 'nobody listens any more');
	$lock->query_safe('ROLLBACK');
	$lock->quit;
	is($answer->()->{status}, 200, 'the push is answered');
	is($bridge->wait_for_exit, 0, 'exit status');
	is(stored('last'), 1, 'and stored');
	like($bridge->log_text, qr/LOG:  stopped/, 'log');
};

done_testing();
