// npm run docs: the API reference, a page for each entry of the package, in .cache/api. Every warning is an error: a link that
// leads nowhere, and what is exported without a word.
import { join } from 'node:path'
import { Application } from 'typedoc'
import { entries } from './build-joined.mjs'
import { root } from './run.mjs'

const app = await Application.bootstrapWithPlugins({
  entryPoints: entries().map((name) => join(root, 'src', `${name}.ts`)),
  tsconfig: join(root, 'tsconfig.json'),
  out: join(root, '.cache', 'api'),
  name: 'Memlane',
  readme: join(root, 'README.md'),
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  excludeExternals: true,
  disableSources: true,
  treatWarningsAsErrors: true,
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  requiredToBeDocumented: ['Class', 'Function', 'Interface', 'TypeAlias', 'Method', 'Accessor', 'Variable'],
  intentionallyNotDocumented: ['index.Snapshot.__type.snapshot'],
  skipErrorChecking: true,
})
const project = await app.convert()
if (project === undefined) process.exitCode = 1
else {
  app.validate(project)
  await app.generateOutputs(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
  else console.log(`the API reference stands in ${join('.cache', 'api', 'index.html')}`)
}
