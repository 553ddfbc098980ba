#!/usr/bin/env python3
"""Check docker/ without a Docker daemon.

    check_docker.py           parse Dockerfile, compose file and Grafana's provisioning
    check_docker.py --run     also carry the Dockerfile's steps out in plain folders made
                              by debootstrap, and start the server and the example there

--run needs root, debootstrap and a Debian mirror.  Folders are below
/var/tmp/pgpprof-docker; the bare Debian among them is kept for the next run.
"""

import glob
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import yaml

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = '/var/tmp/pgpprof-docker'
INSTRUCTIONS = {'FROM', 'RUN', 'COPY', 'WORKDIR', 'ENV', 'USER', 'EXPOSE', 'VOLUME', 'ENTRYPOINT', 'CMD',
                'STOPSIGNAL', 'LABEL', 'ARG', 'HEALTHCHECK'}

passed = 0
failed = 0


def check(ok, what):
    """Count one check and say how it went."""
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print(('ok      ' if ok else 'FAILED  ') + what)
    return ok


class Stage:
    """One FROM of a Dockerfile and the steps that follow it."""

    def __init__(self, base, name):
        self.base, self.name, self.steps = base, name, []

    def last(self, instruction, default=None):
        """Argument of the last such instruction."""
        found = [argument for word, argument in self.steps if word == instruction]
        return found[-1] if found else default


def parse_dockerfile(path):
    """The stages of a Dockerfile; ValueError on what it does not understand."""
    text = open(path, encoding='utf-8').read()
    lines = [line for line in text.split('\n') if not line.lstrip().startswith('#')]
    stages = []
    for line in '\n'.join(lines).replace('\\\n', ' ').split('\n'):
        if not line.strip():
            continue
        word, _, argument = line.strip().partition(' ')
        argument = argument.strip()
        if word not in INSTRUCTIONS or not argument:
            raise ValueError(f'not an instruction: {line!r}')
        if word == 'FROM':
            match = re.fullmatch(r'(\S+)(?: AS (\S+))?', argument)
            stages.append(Stage(match[1], match[2]))
        elif not stages:
            raise ValueError(f'{word} before FROM')
        else:
            stages[-1].steps.append((word, argument))
    return stages


def copy_words(argument):
    """(stage or None, sources, destination) of a COPY."""
    words = shlex.split(argument)
    stage = words.pop(0)[len('--from='):] if words[0].startswith('--from=') else None
    return stage, words[:-1], words[-1]


def check_dockerfile(path):
    stages = parse_dockerfile(path)
    check(stages, f'{os.path.relpath(path, TOP)} parses')
    names = []
    for stage in stages:
        check(':' in stage.base and not stage.base.endswith(':latest') or stage.base in names,
              f'{stage.name}: base {stage.base} has a version')
        for word, argument in stage.steps:
            if word == 'COPY':
                source, paths, _ = copy_words(argument)
                if source is None:
                    missing = [p for p in paths if not glob.glob(os.path.join(TOP, p))]
                    check(not missing, f'{stage.name}: COPY {" ".join(paths)}' + (f' misses {missing}' if missing else ''))
                else:
                    check(source in names, f'{stage.name}: COPY --from={source} is an earlier stage')
            if word == 'RUN' and ('apt-get install' in argument or 'deps.sh' in argument):
                check('rm -rf /var/lib/apt/lists/*' in argument, f'{stage.name}: RUN leaves no package lists')
            if word in ('ENTRYPOINT', 'CMD'):
                check(isinstance(json.loads(argument), list), f'{stage.name}: {word} in exec form')
        if stage.last('ENTRYPOINT'):
            check(stage.last('USER', 'root').split(':')[0] not in ('root', '0'), f'{stage.name}: does not run as root')
        names.append(stage.name)
    return stages


def check_compose(path, stages):
    """The keys of the compose specification that are used here, and what they refer to."""
    compose = yaml.safe_load(open(path, encoding='utf-8'))
    here = os.path.dirname(path)
    check(set(compose) <= {'name', 'services', 'volumes', 'networks', 'configs', 'secrets'}, 'compose.yaml: top-level keys')
    check(isinstance(compose.get('services'), dict) and compose['services'], 'compose.yaml: has services')
    known = {'build', 'image', 'environment', 'ports', 'volumes', 'healthcheck', 'depends_on', 'restart', 'shm_size',
             'command', 'user', 'stop_grace_period'}
    for name, service in compose['services'].items():
        check(set(service) <= known, f'{name}: keys are those of the specification')
        check(('image' in service) != ('build' in service), f'{name}: one of image and build')
        if 'image' in service:
            check(':' in service['image'] and not service['image'].endswith(':latest'), f'{name}: image has a version')
        if 'build' in service:
            context = os.path.normpath(os.path.join(here, service['build']['context']))
            check(os.path.exists(os.path.join(context, service['build']['dockerfile'])), f'{name}: Dockerfile exists')
            check(service['build']['target'] in [stage.name for stage in stages], f'{name}: target exists')
        for volume in service.get('volumes', []):
            source = volume.split(':')[0]
            check(os.path.exists(os.path.join(here, source)) if source.startswith('.') else source in compose['volumes'],
                  f'{name}: volume {source} exists')
        for other in service.get('depends_on', {}):
            check(other in compose['services'], f'{name}: depends on a service')
            if service['depends_on'][other].get('condition') == 'service_healthy':
                check('healthcheck' in compose['services'][other], f'{name}: {other} has a health check')
        for port in service.get('ports', []):
            check(re.fullmatch(r'127\.0\.0\.1:\d+:\d+', port), f'{name}: port {port} is open to this machine only')


def check_grafana(folder):
    sources = yaml.safe_load(open(f'{folder}/provisioning/datasources/pgpprof.yaml', encoding='utf-8'))
    check(sources['apiVersion'] == 1, 'data sources: apiVersion')
    uids = {}
    for source in sources['datasources']:
        check({'name', 'type', 'url', 'access', 'uid'} <= set(source), f'data source {source["name"]}: keys')
        uids[source['uid']] = source['type']
    check(set(uids.values()) == {'grafana-pyroscope-datasource', 'grafana-postgresql-datasource'}, 'data sources: both')
    providers = yaml.safe_load(open(f'{folder}/provisioning/dashboards/pgpprof.yaml', encoding='utf-8'))
    check(providers['apiVersion'] == 1 and all({'name', 'type', 'options'} <= set(p) for p in providers['providers']),
          'dashboard providers: keys')
    for path in glob.glob(f'{folder}/dashboards/*.json'):
        board = json.load(open(path, encoding='utf-8'))
        used = [target['datasource'] for panel in board['panels'] for target in panel['targets']]
        check(used and all(uids.get(u['uid']) == u['type'] for u in used), f'{os.path.basename(path)}: data sources exist')


# -- carrying the steps out ---------------------------------------------------

def inside(root, command, user=None, env=None, workdir='/', **more):
    """subprocess arguments that run a shell command in the folder root."""
    words = ['chroot'] + ([f'--userspec={user}'] if user else []) + [root, '/bin/sh', '-c', f'cd {workdir} && {command}']
    clean = {'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/', 'LC_ALL': 'C.UTF-8',
             'DEBIAN_FRONTEND': 'noninteractive', **(env or {})}
    return dict(args=words, env=clean, **more)


def bare_debian():
    base = f'{WORK}/debian-12'
    if not os.path.exists(f'{base}.done'):
        shutil.rmtree(base, ignore_errors=True)
        os.makedirs(WORK, exist_ok=True)
        subprocess.run(['debootstrap', '--variant=minbase', 'bookworm', base], check=True, stdout=subprocess.DEVNULL)
        shutil.copy('/etc/resolv.conf', f'{base}/etc/resolv.conf')
        # What lets apt-get through to the mirror from here has to hold in there.
        for path in glob.glob('/etc/apt/apt.conf.d/*proxy*') + glob.glob('/etc/apt/sources.list'):
            shutil.copy(path, base + path)
        open(f'{base}.done', 'w', encoding='utf-8').close()
    return base


class Mounts:
    """/proc and /dev in a root folder, for as long as the block lasts."""

    def __init__(self, root):
        self.root = root

    def __enter__(self):
        subprocess.run(['mount', '-t', 'proc', 'proc', f'{self.root}/proc'], check=True)
        subprocess.run(['mount', '--bind', '/dev', f'{self.root}/dev'], check=True)

    def __exit__(self, *_):
        for name in ('dev', 'proc'):
            subprocess.run(['umount', '-l', f'{self.root}/{name}'], check=True)


def pack(folder, *what, names=None):
    """Files of a folder as a tar archive."""
    return subprocess.run(['tar', '-C', folder, '-cf', '-', *what], input=names, check=True, capture_output=True).stdout


def unpack(archive, folder):
    subprocess.run(['tar', '-C', folder, '--no-same-owner', '--keep-directory-symlink', '-xf', '-'], input=archive, check=True)


def copy_into(root, sources, destination, workdir, source_root):
    target = os.path.join(root, os.path.normpath(os.path.join(workdir, destination)).lstrip('/'))
    is_folder = destination.endswith('/') or len(sources) > 1
    for source in sources:
        for path in glob.glob(os.path.join(source_root, source.lstrip('/'))):
            if os.path.isdir(path):
                os.makedirs(target, exist_ok=True)
                unpack(pack(path, '.'), target)
            else:
                os.makedirs(target if is_folder else os.path.dirname(target), exist_ok=True)
                subprocess.run(['cp', '-a', '--no-preserve=ownership', path, target], check=True)


def run_stage(stage, roots, context):
    root = f'{WORK}/{stage.name}'
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(['cp', '-a', roots.get(stage.base) or bare_debian(), root], check=True)
    roots[stage.name] = root
    workdir, user, env = '/', None, {}
    with Mounts(root):
        for word, argument in stage.steps:
            started = time.time()
            if word == 'WORKDIR':
                workdir = argument
                os.makedirs(root + workdir, exist_ok=True)
            elif word == 'ENV':
                env.update(pair.split('=', 1) for pair in shlex.split(argument))
            elif word == 'USER':
                user = argument
            elif word == 'COPY':
                source, paths, destination = copy_words(argument)
                copy_into(root, paths, destination, workdir, roots[source] if source else context)
            elif word == 'RUN':
                done = subprocess.run(**inside(root, argument, user, env, workdir), capture_output=True, text=True, check=False)
                if not check(done.returncode == 0, f'{stage.name}: RUN {argument[:60]}... ({time.time() - started:.0f} s)'):
                    print(done.stdout[-2000:] + done.stderr[-2000:])
                    raise SystemExit(1)
    return root


def clean_context():
    """What git knows, which is what a fresh clone sends to the daemon."""
    context = f'{WORK}/context'
    shutil.rmtree(context, ignore_errors=True)
    os.makedirs(context)
    files = subprocess.run(['git', '-C', TOP, 'ls-files', '-z'], check=True, capture_output=True).stdout
    unpack(pack(TOP, '--null', '-T', '-', names=files), context)
    return context


def entrypoint(stage):
    return ' '.join(shlex.quote(word) for word in json.loads(stage.last('ENTRYPOINT')))


def wait_for(url, seconds):
    end = time.time() + seconds
    while time.time() < end:
        try:
            return urllib.request.urlopen(url, timeout=2).read()
        except urllib.error.HTTPError as error:
            return error.read()
        except OSError:
            time.sleep(0.5)
    return None


def check_running(stages, roots):
    """Start what the images start, as their user, and ask it something."""
    by_name = {stage.name: stage for stage in stages}
    server, example = by_name['server'], by_name['example']
    root = roots['server']
    env = {'PGDATA': '/var/lib/pgpprof/data', 'POSTGRES_PASSWORD': 'try', 'PGPPROF_READER_PASSWORD': 'try',
           'PGPORT': os.environ.get('CHECK_PGPORT', '15432')}
    with Mounts(root), Mounts(roots['example']):
        running = [subprocess.Popen(**inside(root, f'exec {entrypoint(server)}', server.last('USER'), env,
                                             start_new_session=True)),
                   subprocess.Popen(**inside(roots['example'], f'exec {entrypoint(example)}', example.last('USER'),
                                             start_new_session=True))]
        try:
            check(wait_for('http://127.0.0.1:6060/debug/pprof/', 20), 'the example serves its profiles')
            check(wait_for('http://127.0.0.1:4040/ready', 60) is not None, 'the bridge answers')
            asked = subprocess.run(**inside(root, "psql -XAtc \"SELECT extname FROM pg_extension WHERE extname = 'pprof'\" "
                                            "-h /run/pgpprof -U postgres postgres", server.last('USER'), env),
                                   capture_output=True, text=True, check=False)
            check(asked.stdout.strip() == 'pprof', 'the extension is there')
        finally:
            for process, sign in zip(running, (signal.SIGINT, signal.SIGTERM)):
                process.send_signal(sign)
            for process, name in zip(running, ('server', 'example')):
                try:
                    check(process.wait(30) == 0, f'the {name} stops cleanly')
                except subprocess.TimeoutExpired:
                    process.kill()
                    check(False, f'the {name} stops within 30 s')


def main():
    stages = check_dockerfile(f'{TOP}/docker/Dockerfile')
    check_compose(f'{TOP}/docker/compose.yaml', stages)
    check_grafana(f'{TOP}/docker/grafana')
    if '--run' in sys.argv:
        context, roots = clean_context(), {}
        for stage in stages:
            run_stage(stage, roots, context)
        check_running(stages, roots)
    print(f'{passed} passed, {failed} failed')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
