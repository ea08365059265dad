// Checked by hand when index.d.ts changes, since nothing here depends on TypeScript:
//   npm install --no-save typescript @types/node
//   npx tsc --noEmit --strict --module node16 --types node testing/types.ts
import {
  compatible,
  distance,
  KeyAnalyzer,
  KeyAnalyzerError,
  type KeyGuess,
  parseKey,
  type PartKey,
  smoothPath,
  type Success,
  writeKey,
} from 'openkeyscan-analyzer-client';

async function main(): Promise<void> {
  const analyzer = new KeyAnalyzer({ command: '/opt/analyzer', args: ['--spelling', 'flats'] });
  analyzer.on('ready', ({ version, workers, features }) => {
    console.log(version.length, workers.toFixed(), features.includes('priority'));
  });
  analyzer.once('exit', ({ code, signal }) => console.log(code, signal));
  analyzer.on('progress', (progress) => {
    const share: number = progress.done / progress.total;
    if (progress.result) console.log(share, progress.result.camelot);
    else console.log(share, progress.error.code);
  });
  const promise = analyzer.analyze('/music/a.mp3', { signal: AbortSignal.timeout(1000) });
  const stillThere: boolean = analyzer.cancel(promise) && analyzer.cancel(promise.id);
  try {
    const { camelot, duration, warnings }: Success = await promise;
    const hour: '8A' | undefined = camelot === '8A' ? camelot : undefined;
    console.log(hour, duration.toFixed(), warnings[0]?.message, stillThere);
    const timed = await analyzer.analyze('/music/a.mp3', { timeline: true });
    const parts: string[] = timed.timeline.map(({ start, camelot }) => `${start} ${camelot}`);
    const ends: (KeyGuess | PartKey)[] = [timed.intro_key, timed.outro_key, ...timed.alternatives];
    console.log(parts, ends, timed.id.toFixed(), timed.tonal && !timed.cached);
    const boost = compatible(timed.camelot).find((one) => one.relation === 'energy_boost');
    const path: number[] = smoothPath([timed.camelot, boost?.camelot ?? '3B']);
    const intro = timed.intro_key.camelot;
    if (intro !== null) console.log(path, distance(intro, '8A').toFixed());
    const parsed: '8A' | undefined = parseKey('Am') === '8A' ? '8A' : undefined;
    console.log(parsed, writeKey('8A', { notation: 'short' }).length);
    const clicked = await analyzer.analyze('/music/b.mp3', { priority: true, stream: 1 });
    console.log(clicked.warnings.some(({ code }) => code === 'phase'));
    const wanted: boolean = parts.length > 1;
    const perhaps = await analyzer.analyze('/music/a.mp3', { timeline: wanted });
    console.log(perhaps.timeline?.[0]?.confidence.toFixed(), perhaps.intro_key?.key);
    // @ts-expect-error: it was not asked for
    console.log(perhaps.timeline.length);
  } catch (error) {
    if (error instanceof KeyAnalyzerError && error.code === 'file_not_found') {
      console.log(error.path?.length, error.reply?.filename);
    }
  }
  const { idle } = await analyzer.reset();
  await idle;
  console.log((await analyzer.ping()).queued + (analyzer.pid ?? 0));
  await analyzer.close();
  await analyzer.kill();

  // @ts-expect-error: a misspelt option
  new KeyAnalyzer({ command: 'x', wokers: 2 });
  // @ts-expect-error: no such event
  analyzer.on('redy', () => {});
  // @ts-expect-error: a path is a string
  analyzer.analyze(7);
  // @ts-expect-error: a key is a string
  distance('8A', 13);
  // @ts-expect-error: no such notation
  writeKey('8A', { notation: 'german' });
  // @ts-expect-error: timeline is true or false
  analyzer.analyze('/music/a.mp3', { timeline: 'yes' });
  // @ts-expect-error: priority is true or false
  analyzer.analyze('/music/a.mp3', { priority: 1 });
}

void main();
