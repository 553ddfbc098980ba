# Profiles freshly taken from the Go example, through SQL and through the pprof
# tool: numbers by those of Debian's version, texts byte by byte by those of the
# version that we follow, which is built from its source where that can be had.
use strict;
use warnings FATAL => 'all';
use FindBin;
use lib "$FindBin::RealBin/lib";
use JSON::PP ();
use PgpprofNode;
use PgpprofReports;
use PgpprofTool;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes ();

my $shop = $ENV{PGPPROF_SHOP} or die 'PGPPROF_SHOP: the built example';
my $dir = PostgreSQL::Test::Utils::tempdir();

# The version we follow; and a later one, for proxies that do not have it.
my @versions = qw(b9395ee17fa0 v0.0.0-20260906184651-6331bc6350fe);

mkdir "$dir/$_" or die "$dir/$_: $!" foreach qw(debian built);
my $debian = PgpprofTool->debian("$dir/debian");
my $build = PgpprofTool->build("$dir/built", @versions);

# -- profiles -----------------------------------------------------------------

my $port = pgpprof_free_port();
defined(my $shop_pid = fork) or die "fork: $!";
if ($shop_pid == 0)
{
	open(STDERR, '>', "$dir/shop.log") or die $!;
	exec $shop, '-listen', "127.0.0.1:$port", '-load', '0.6';
}
END { kill 'TERM', $shop_pid if $shop_pid }

sub fetch
{
	my ($name, $endpoint) = @_;
	system('curl', '-sSf', '--retry', 20, '--retry-connrefused', '--retry-delay', 1, '-o', "$dir/$name.pb.gz",
		"http://127.0.0.1:$port/debug/pprof/$endpoint") == 0 or die "$endpoint: $?";
	return;
}

my @kinds = qw(cpu heap allocs goroutine mutex block threadcreate);
my @files;
for my $round (1, 2)
{
	for my $kind (@kinds)
	{
		fetch("$kind$round", $kind eq 'cpu' ? 'profile?seconds=2' : $kind);
		push @files, "$kind$round";
	}
}
fetch('delta', 'heap?seconds=1');    # has negative values, as a rule
push @files, 'delta';
kill 'TERM', $shop_pid;
waitpid $shop_pid, 0;
is($?, 0, 'the example ends');
$shop_pid = 0;

my $node = pgpprof_node('main', conf => "client_min_messages = warning\n");
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE files AS
    SELECT name, pg_read_binary_file('$dir/' || name || '.pb.gz')::pprof.profile AS p
      FROM unnest('{${\ join ',', @files}}'::text[]) AS name;
CREATE FUNCTION file(text) RETURNS pprof.profile LANGUAGE sql AS 'SELECT p FROM files WHERE name = \$1';
CREATE FUNCTION attempt(question text) RETURNS text LANGUAGE plpgsql SET search_path = public, pprof AS \$\$
DECLARE
    answer text;
BEGIN
    EXECUTE question INTO answer;
    RETURN coalesce(answer, '');
EXCEPTION
    WHEN OTHERS THEN RETURN 'ERROR: ' || SQLERRM;
END \$\$;
SQL

# The answers to queries for one text each, in one session.
sub ask
{
	my @questions = @_;
	my $script = join '', map { "SELECT 'x' || encode(convert_to(attempt(\$question\$$_\$question\$), 'UTF8'), 'hex');\n" } @questions;
	return map { pack 'H*', substr $_, 1 } split /\n/, $node->safe_psql('postgres', $script);
}

# -- cases --------------------------------------------------------------------

# "top lines nodecount=5: cpu1 cpu2 - heap1": a report and its options, then
# files, and with "-" a base, with "~" a base to be kept.
sub parse_case
{
	my ($text) = @_;
	my ($report, $files) = split /: /, $text;
	my ($format, @options) = split / /, $report;
	my ($sign) = $files =~ / ([-~]) /;
	my ($ours, $base) = split / [-~] /, $files;
	my $case = {
		text => $text, format => $format, options => \@options, sign => $sign // '',
		files => [ split / /, $ours ], base => $base,
		normalize => scalar(grep { $_ eq 'normalize' } @options) };
	if ($format =~ s/=(.*)//)
	{
		push @options, "peek=$1";
		$case->{format} = $format;
	}
	return $case;
}

sub tool_args
{
	my ($case) = @_;
	my @args = map { "-$_" } @{ $case->{options} };
	unshift @args, "-$case->{format}" if $case->{format} ne 'peek';
	push @args, '-output=' . ($case->{output} // '/dev/stdout') if $case->{format} =~ /proto/;
	push @args, ($case->{sign} eq '-' ? '-base=' : '-diff_base=') . "$dir/$case->{base}.pb.gz" if $case->{base};
	return @args, map { "$dir/$_.pb.gz" } @{ $case->{files} };
}

my $json = JSON::PP->new->canonical;

sub options
{
	my ($case) = @_;
	my %options;
	for (grep { $_ ne 'normalize' } @{ $case->{options} })
	{
		my ($name, $value) = /^(\w+)=(.*)/ ? ($1, $2) : ($_, JSON::PP::true);
		$value += 0 if $name =~ /^(?:nodecount|nodefraction|edgefraction|divide_by)$/;
		$value = $value eq 'true' ? JSON::PP::true : JSON::PP::false if $name eq 'trim';
		$options{$name} = $value;
	}
	return $json->encode(\%options);
}

# The profile that a case is about.
sub profile
{
	my ($case, $compacts) = @_;
	my @files = map { "file('$_')" } @{ $case->{files} };
	my $profile =
	    @files > 1 ? 'pprof.merge(VARIADIC ARRAY[' . join(', ', @files) . '])'
	  : $compacts ? "pprof.compact($files[0])"
	  : $files[0];
	return $profile if !$case->{base};
	my $base = "file('$case->{base}')";
	$profile = "pprof.normalize($profile, $base)" if $case->{normalize};
	return $case->{sign} eq '-' ? "pprof.subtract($profile, $base)" : "pprof.diff($profile, $base)";
}

sub report
{
	my ($case, $compacts) = @_;
	return "SELECT pprof.report(${\ profile($case, $compacts)}, '$case->{format}', '${\ options($case)}')";
}

my %columns = (
	cpu => [qw(samples cpu)],
	heap => [qw(alloc_objects alloc_space inuse_objects inuse_space)],
	mutex => [qw(contentions delay)]);
@columns{qw(allocs delta block)} = @columns{qw(heap heap mutex)};
my %unit = (cpu => 'ns', heap => 'B', allocs => 'B', mutex => 'ns', block => 'ns', delta => 'B');

sub kind_of { return $_[0] =~ s/\d$//r }

my @reports = (
	'top', 'top cum', 'top lines', 'top filefunctions', 'top files', 'top addresses', 'top noinlines', 'top lines noinlines',
	'tree', 'tree cum lines', 'tree trim=false', 'peek=main|schedule|malloc|^runtime', 'traces', 'traces lines', 'traces filefunctions',
	'raw', 'tags', 'comments', 'dot', 'dot lines', 'callgrind', 'proto', 'topproto', 'topproto lines');

my @filters = (
	'focus=orders', 'ignore=runtime', 'hide=^runtime', 'show=shop', 'show_from=shop', 'prune_from=mallocgc|Sum',
	'focus=sort|json ignore=reflect hide=sort', 'tagfocus=endpoint=/order', 'tagfocus=acme', 'tagignore=tenant=globex',
	'tagfocus=bytes=64b:1kb', 'tagignore=1kb:', 'tagshow=tenant', 'taghide=endpoint|bytes', 'tagroot=tenant',
	'tagleaf=endpoint,tenant', 'tagroot=bytes', 'tagfocus=tenant=acme,initech focus=hmac tagroot=endpoint');

my @looks = (
	'top relative_percentages focus=orders', 'top unit=us', 'top unit=kb', 'top nodecount=5', 'tree nodecount=10',
	'tree nodefraction=0.05 edgefraction=0.02', 'top nodefraction=0.05', 'dot nodecount=10', 'dot nodefraction=0.05 edgefraction=0.02',
	'dot trim=false', 'top compact_labels', 'top divide_by=3', 'tree divide_by=2.5', 'top trim=false', 'dot call_tree nodecount=0',
	'callgrind call_tree', 'tree noinlines files nodecount=0', 'peek=. nodecount=3', 'topproto nodecount=5', 'raw focus=orders', 'callgrind focus=orders');

my @several = (
	'cpu1 cpu2', 'heap1 heap2', 'heap2 allocs2 heap1', 'goroutine2 goroutine1', 'block1 block2', 'mutex2 mutex1',
	'cpu2 - cpu1', 'heap2 - heap1', 'goroutine2 - goroutine1', 'block2 - block1', 'cpu2 ~ cpu1', 'heap2 ~ heap1',
	'heap1 heap2 ~ allocs1', 'goroutine2 ~ goroutine1', 'block2 ~ block1', 'mutex2 ~ mutex1');

my @cases;
for my $file ((map { "${_}2" } @kinds), 'delta')
{
	push @cases, map { "$_: $file" } @reports;
	push @cases, map { my $column = $_; map { "$_ sample_index=$column: $file" } 'top', 'top mean', 'tree', 'tags', 'traces', 'dot' }
	  @{ $columns{ kind_of($file) } // [] };
}
for my $file (qw(cpu2 heap2 goroutine2))
{
	push @cases, map { my $filter = $_; map { "$_ $filter: $file" } 'top', 'traces', 'tree', 'proto' } @filters;
	push @cases, map { "$_: $file" } @looks;
}
for my $files (@several)
{
	push @cases, map { "$_: $files" } 'top', 'tree', 'traces', 'tags', 'raw', 'proto', 'callgrind';
	# which frames are left out depends on orders left to chance, too
	push @cases, $files =~ / [-~] / ? "dot trim=false taghide=.: $files" : "dot: $files";
	push @cases, "proto normalize: $files", "top normalize: $files", "top drop_negative: $files" if $files =~ / [-~] /;
}
@cases = map { parse_case($_) } @cases;

# -- numbers ------------------------------------------------------------------

# Sums by label are only comparable in one unit: the older tool rounds them.
sub in_one_unit
{
	my ($case) = @_;
	return $case if $case->{format} ne 'tags';
	my $unit = $unit{ kind_of($case->{files}[0]) } // 'count';
	return { %$case, options => [ @{ $case->{options} }, "unit=$unit" ] };
}

# Up to Go 1.19 the tool passed a single file through its merge, too, which leaves
# out what is not used, and dropped samples without a stack.
my $compacts;

sub find_whether_it_compacts
{
	my ($raw) = $debian->run_all([ '-raw', "$dir/cpu2.pb.gz" ]);
	my ($mappings) = ask(q{SELECT num_mappings(file('cpu2'))});
	$raw =~ s/.*^Mappings\n//ms;
	$compacts = $mappings > split /\n/, $raw;
	note 'it leaves out what is not used in a file' if $compacts;
	return;
}

# Later versions drop them only while they hide something.
sub without_empty_stacks
{
	my ($case) = @_;
	return $case if !$compacts || $case->{format} !~ /^(?:tags|raw|proto)$/ || grep { /^(?:focus|ignore|hide|show)=/ } @{ $case->{options} };
	return { %$case, options => [ @{ $case->{options} }, 'hide=no such function' ] };
}

sub compare_numbers
{
	my ($format, @of_format) = @_;
	@of_format = map { in_one_unit($_) } @of_format;
	my @ours = ask(map { report(without_empty_stacks($_), $compacts) } @of_format);
	my @theirs = $debian->run_all(map { [ tool_args($_) ] } @of_format);
	for my $case (@of_format)
	{
		my ($answer, $text) = (shift @ours, shift @theirs);
		my @differences = $answer =~ /^ERROR/ ? $answer : report_differences(map { report_numbers($format, $_) } $answer, $text);
		ok(!@differences, $case->{text}) or diag join "\n", @differences;
	}
	return;
}

# Whole profiles are compared by content.
sub compare_profiles
{
	my ($format, @of_format) = @_;
	my $number = 0;
	my @questions;
	for my $case (@of_format)
	{
		$case->{output} = "$dir/debian/" . $number++ . '.pb.gz';
		my $function = $format eq 'proto' ? 'pprof.filter' : 'pprof.topproto';
		my $ours = "$function(${\ profile($case, $compacts)}, options => '${\ options(without_empty_stacks($case))}')";
		push @questions, "SELECT CASE WHEN $ours = pg_read_binary_file('$case->{output}')::pprof.profile THEN 'equal'
			ELSE 'ours: ' || pprof.summary($ours) || '; theirs: ' || pprof.summary(pg_read_binary_file('$case->{output}')::pprof.profile) END";
	}
	$debian->run_all(map { [ tool_args($_) ] } @of_format);
	my @answers = ask(@questions);
	is(shift @answers, 'equal', $_->{text}) foreach @of_format;
	return;
}

# A set as lines of a name and values.
sub rows { return { map { /^(.*)\t(.*)$/s ? ($1, $2) : ($_, '') } split /\n/, $_[0] } }

# The same of a parsed report: the numbers in these places, without their unit.
sub numbers_of
{
	my ($report, $pattern, @places) = @_;
	my %numbers;
	for my $name (grep { /$pattern/ } keys %$report)
	{
		my @fields = map { s/^(-?\d+)\D*$/$1/r } (split / /, $report->{$name}[0])[@places];
		# calls between frames that are not listed are in the graph, but not in the text
		next if $name =~ / -> / && $fields[0] == 0;
		$numbers{ $name =~ s/ -> \((.*)\)$/ -> $1/r } = "@fields";
	}
	return \%numbers;
}

# Sets have exact numbers: the tool's in the unit that the profile is in.
sub compare_rows
{
	my ($file, $column, $unit) = @_;
	my @options = ('trim=false', "unit=$unit", "sample_index=$column");
	my @same = map { parse_case("@$_: $file") } [ 'top', @options ], [ 'tree', @options ], [ 'tags', @options[ 1, 2 ] ];
	my @texts = $debian->run_all(map { [ tool_args($_) ] } @same);
	my ($top, $edges, $tags) = map { report_numbers($same[$_]{format}, $texts[$_]) } 0 .. 2;
	my ($our_top, $our_edges, $our_tags) = map { rows($_) } ask(
		"SELECT string_agg(name || E'\\t' || flat || ' ' || cum, E'\\n') FROM top(compact(file('$file')), '$column')",
		"SELECT string_agg(caller || ' -> ' || callee || E'\\t' || weight, E'\\n') FROM edges(compact(file('$file')), '$column') WHERE weight <> 0",
		"SELECT string_agg(key || '=' || value || E'\\t' || total, E'\\n') FROM tags(file('$file'), '$column') WHERE value IS NOT NULL");
	is_deeply($our_top, numbers_of($top, '^(?!header$)', 0, 2), "top of $file by $column");
	is_deeply($our_edges, numbers_of($edges, ' -> \(.*\)$', 0), "edges of $file by $column");
	is_deeply($our_tags, numbers_of($tags, '^(?:endpoint|tenant)=', 0), "labels of $file by $column");
	return;
}

# -- texts --------------------------------------------------------------------

# The tool leaves the order to chance of nodes that are named alike (in call trees,
# and by file), and of calls and labels of one size but opposite signs.
sub has_chance
{
	my ($case) = @_;
	return 1 if grep { /^(?:call_tree|files)$/ } @{ $case->{options} };
	return $case->{format} =~ /^(?:tree|peek|dot|callgrind|tags)$/ && ($case->{base} || "@{ $case->{files} }" eq 'delta');
}

sub compare_texts
{
	my ($tool, $format, @of_format) = @_;
	my @ours = ask(map { report($_, 0) } @of_format);
	my @theirs = $tool->run_all(map { [ tool_args($_) ] } @of_format);
	for my $case (@of_format)
	{
		my ($ours, $theirs) = (shift @ours, shift @theirs);
		my $same = $ours eq $theirs || has_chance($case) && !report_differences(map { report_numbers($format, $_) } $ours, $theirs);
		next if ok($same, $case->{text});
		my @other = split /\n/, $theirs;
		my @lines = grep { $_ ne (shift @other // '') } split /\n/, $ours;
		diag substr join("\n", @lines[ 0 .. ($#lines < 3 ? $#lines : 3) ]), 0, 1000;
	}
	return;
}

sub each_format
{
	my ($what, $compare, @chosen) = @_;
	my %of_format;
	push @{ $of_format{ $_->{format} } }, $_ foreach @chosen;
	for my $format (sort keys %of_format)
	{
		subtest "$what: $format" => sub { $compare->($format, @{ $of_format{$format} }) };
	}
	return;
}

SKIP:
{
	skip 'no pprof tool from Debian', 1 if !$debian;
	note $debian->version;
	find_whether_it_compacts();
	each_format('numbers', \&compare_numbers, grep { $_->{format} !~ /proto/ } @cases);
	each_format('content', \&compare_profiles, grep { $_->{format} =~ /proto/ } @cases);
	subtest 'rows' => sub {
		compare_rows(@$_) foreach [qw(cpu2 cpu ns)], [qw(cpu1 samples count)], [qw(heap2 alloc_space B)],
		  [qw(heap2 alloc_objects count)], [qw(delta inuse_space B)], [qw(block2 delay ns)], [qw(goroutine2 goroutine count)];
	};
}

my $tool = $build->finish;
for my $version ($ENV{PGPPROF_PPROF} // (), @versions)
{
	SKIP:
	{
		skip "google/pprof at $version: ${\ $build->reason($version)}", 1 if !$tool || $tool->version ne $version;
		each_format("texts of $version", sub { compare_texts($tool, @_) }, grep { $_->{format} !~ /proto/ } @cases);
	}
}

done_testing();
