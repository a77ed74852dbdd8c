// Drives PM2 over its public API: `node pm2_driver.js PACKAGE PLAN`. Told `start`, `stop` or `status` on stdin, it
// answers with the same word, or with the number of services that run.
'use strict'

const fs = require('fs')
const readline = require('readline')

const pm2 = require(process.argv[2])
const plan = JSON.parse(fs.readFileSync(process.argv[3], 'utf8'))
let started = false

function fail (error) {
  process.stderr.write(`${error && error.stack ? error.stack : JSON.stringify(error)}\n`)
  process.exit(1)
}

function start (done) {
  if (plan.apps.length === 0) return done()
  const told = error => error ? fail(error) : done()
  if (started) return pm2.restart('all', told) // of what is stopped, a start
  started = true
  pm2.start(plan.apps, told)
}

function stop (done) {
  if (!started) return done()
  pm2.stop('all', error => error ? fail(error) : done())
}

function status (done) {
  pm2.list((error, found) => {
    if (error) return fail(error)
    done(found.filter(each => each.pm2_env.status === 'online').length)
  })
}

const commands = { start, stop, status }

pm2.connect(error => {
  if (error) fail(error)
  const obey = () => {
    const lines = readline.createInterface({ input: process.stdin })
    let last = Promise.resolve()
    lines.on('line', word => {
      last = last.then(() => new Promise(resolve => commands[word](answer => {
        process.stdout.write(`${answer === undefined ? word : answer}\n`)
        resolve()
      })))
    })
    lines.on('close', () => last.then(() => process.exit(0)))
  }
  plan.autostart ? start(obey) : obey()
})
