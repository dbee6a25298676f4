// live: instances of classes in shared memory.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { type ClassOptions, SharedHeap } from '../collections/index.js'

class Person {
  name: string
  constructor(name: string) {
    this.name = name
  }

  greet(): string {
    return `I am ${this.name}`
  }

  get initial(): string {
    return this.name[0]!
  }

  set nick(name: string) {
    this.name = name
  }
}

class Employee extends Person {
  static made = 0
  salary: number
  boss: Employee | undefined
  constructor(name: string, salary: number) {
    super(name)
    this.salary = salary
    this.boss = undefined
    Employee.made++
  }

  raise(percent: number): number {
    this.salary += (this.salary * percent) / 100
    return this.salary
  }

  override greet(): string {
    return `${super.greet()}, ${this.salary}`
  }

  get [Symbol.toStringTag](): string {
    return 'Worker'
  }
}

class Company {
  name: string
  staff: Employee[]
  constructor(name: string, staff: Employee[]) {
    this.name = name
    this.staff = staff
  }

  get total(): number {
    return this.staff.reduce((sum, { salary }) => sum + salary, 0)
  }
}

const classes = { Person, Employee, Company }

/** Two handles of one heap, as two processes have them. */
function two(mine: ClassOptions = { classes }, others: ClassOptions = mine): { heap: SharedHeap; other: SharedHeap } {
  const heap = SharedHeap.local({ ...mine })
  return { heap, other: SharedHeap.attach(heap.buffer!, others) }
}

test('an instance comes back as an instance: methods, accessors, super, static, tag', () => {
  const { heap, other } = two()
  const made = Employee.made
  heap.root.set('acme', heap.share(new Company('Acme', [new Employee('Ada', 100), new Employee('Bob', 50)])))
  const acme = other.root.get('acme') as Company
  assert.equal(Employee.made, made + 2, 'no constructor runs when it is read')
  assert.ok(acme instanceof Company)
  assert.equal(acme.constructor, Company)
  const ada = acme.staff[0]!
  assert.ok(ada instanceof Employee && ada instanceof Person)
  assert.equal(ada, acme.staff[0])
  assert.equal(ada.raise(10), 110)
  assert.equal((heap.root.get('acme') as Company).staff[0]!.salary, 110)
  assert.equal(acme.total, 160)
  assert.equal(ada.greet(), 'I am Ada, 110')
  assert.equal(ada.initial, 'A')
  ada.nick = 'Ida'
  assert.equal((heap.root.get('acme') as Company).staff[0]!.name, 'Ida')
  assert.equal(Object.prototype.toString.call(ada), '[object Worker]')
  ada.boss = acme.staff[1]
  assert.equal(ada.boss, acme.staff[1])
  acme.staff.push(new Employee('Cy', 1))
  assert.ok((heap.root.get('acme') as Company).staff[2] instanceof Employee)
  heap.verify()
})

test('keys, spread, JSON, clones and console.log are those of an instance', () => {
  const { heap } = two()
  const ada = heap.share(new Employee('Ada', 100))
  assert.deepEqual(Object.keys(ada), ['name', 'salary', 'boss'])
  assert.deepEqual({ ...ada }, { name: 'Ada', salary: 100, boss: undefined })
  assert.equal(JSON.stringify({ ada }), JSON.stringify({ ada: new Employee('Ada', 100) }))
  assert.deepEqual(structuredClone(ada), structuredClone(new Employee('Ada', 100)))
  assert.equal(inspect(ada), inspect(new Employee('Ada', 100)))
  assert.ok('salary' in ada && 'greet' in ada && !('none' in ada))
  heap.destroy(ada)
  assert.equal(inspect(ada), '<stale>')
  assert.equal(JSON.stringify(ada), '"<stale>"')
  assert.throws(() => ada.salary, { code: 'ERR_STALE' })
})

test('attributes that are added later are shared; those of a class cannot be deleted', () => {
  const { heap, other } = two()
  type Open = Employee & { town?: string; age?: number }
  const ada: Open = heap.share(new Employee('Ada', 100))
  heap.root.set('ada', ada)
  const same = other.root.get('ada') as Open
  ada.town = 'Bern'
  assert.equal(same.town, 'Bern')
  same.town = 'Basel'
  assert.equal(ada.town, 'Basel')
  assert.ok('town' in ada && 'town' in same)
  assert.equal(Object.keys(ada).at(-1), 'town')
  assert.equal(JSON.parse(JSON.stringify(same)).town, 'Basel')
  assert.throws(() => delete (ada as { town?: string }).town, TypeError)
  const inherits = Object.create(ada) as Open
  inherits.salary = 5
  assert.equal(ada.salary, 100)
  assert.equal(inherits.name, 'Ada')
  assert.throws(() => ((ada as unknown as Record<symbol, number>)[Symbol('s')] = 1), { code: 'ERR_TYPE' })
})

test('a method of the class that is changed later, by a spy, is called', () => {
  const { heap } = two()
  const first = heap.share(new Employee('Ada', 100))
  const { raise } = Employee.prototype
  try {
    Employee.prototype.raise = () => 42
    const second = heap.share(new Employee('Bob', 100))
    assert.equal(second.raise(1), 42)
    assert.equal(first.raise(1), 42)
  } finally {
    Employee.prototype.raise = raise
  }
})

test('a class that this process does not know: a live object with its name, or an error when strict', () => {
  const { heap, other } = two({ classes }, {})
  heap.root.set('ada', heap.share(new Employee('Ada', 100)))
  const ada = other.root.get('ada') as Employee
  assert.equal(ada.salary, 100)
  ada.salary = 7
  assert.equal((heap.root.get('ada') as Employee).salary, 7)
  assert.equal(Object.prototype.toString.call(ada), '[object Employee]')
  assert.match(inspect(ada), /\[Employee\] \{ name: 'Ada', salary: 7/)
  assert.equal(ada.raise, undefined)
  const strict = SharedHeap.attach(heap.buffer!, { classes: { Company }, strict: true })
  assert.throws(() => strict.root.get('ada'), { code: 'ERR_SCHEMA', message: /class "Employee"/ })
})

test('what cannot be a shared class is told when it is given', () => {
  class Secret {
    #inside = 1
    get inside(): number {
      return this.#inside
    }
  }
  class Child extends Secret {}
  class Innocent {
    text = '#inside = 1; { #x = 2 }' // #comment;
    /** {#comment} */
    color(): string {
      return `#fff = ${this.text}`
    }
  }
  const code = 'ERR_TYPE'
  const open = (given: unknown): SharedHeap => SharedHeap.local({ classes: given as ClassOptions['classes'] })
  assert.throws(() => open({ Secret }), { code, message: /Secret has the private field #inside/ })
  assert.throws(() => open({ Child }), { code, message: /Child has the private field #inside/ })
  assert.throws(() => open({ A: Company, B: Company }), { code, message: /B is the class of A already/ })
  for (const bad of [{ A: 1 }, { A: {} }, { A: () => 1 }, { A: undefined }, 5, null])
    assert.throws(() => open(bad), { code })
  assert.throws(() => open({ '': Company }), { code: 'ERR_NAME' })
  assert.throws(() => SharedHeap.local({ strict: 1 as unknown as boolean }), { code })
  assert.equal(inspect(open({ Innocent }).share(new Innocent())), inspect(new Innocent()))
})

test('an instance that cannot be shared is refused, with class and attribute, and leaves nothing', () => {
  const { heap } = two()
  heap.root.set('there', 1)
  const before = heap.stats()
  const refused = (change: (ada: Employee) => object, message: RegExp, code = 'ERR_NOT_CLONEABLE'): void =>
    void assert.throws(() => heap.share([change(new Employee('Ada', 1))]), { code, message })
  refused((ada) => Object.freeze(ada), /instance of Employee is frozen/)
  refused((ada) => Object.seal(ada), /instance of Employee is frozen/)
  refused((ada) => Object.assign(ada, { [Symbol('mark')]: 1 }), /Employee has the attribute Symbol\(mark\)/)
  refused((ada) => Object.assign(ada, { run: () => 1 }), /Employee has a function for its attribute "run"/)
  refused((ada) => Object.defineProperty(ada, 'salary', { enumerable: false }), /Employee hides its attribute "salary"/)
  refused((ada) => Object.defineProperty(ada, 'salary', { writable: false }), /read-only attribute "salary"/)
  refused((ada) => Object.defineProperty(ada, 'salary', { get: () => 1 }), /"salary" with a getter and no setter/)
  refused(
    (ada) => Object.assign(ada, { boss: new (class Manager extends Employee {})('M', 1) }),
    /"Manager" extends Employee/,
    'ERR_TYPE',
  )
  const thrown = new Error('mine')
  assert.throws(
    () =>
      heap.share(
        Object.defineProperty(new Employee('Ada', 1), 'salary', {
          get() {
            throw thrown
          },
          set() {},
          enumerable: true,
        }),
      ),
    thrown,
  )
  const after = heap.stats()
  for (const one of ['blocks', 'used', 'objects'] as const) assert.equal(after[one], before[one], one)
  heap.verify()
})

test('more attributes than a shape has', () => {
  class Wide {}
  const { heap, other } = two({ classes: { Wide } })
  const wide = Object.assign(new Wide(), Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`a${i}`, i])))
  heap.root.set('wide', heap.share(wide))
  const live = other.root.get('wide') as Record<string, number>
  assert.ok(live instanceof Wide)
  assert.deepEqual({ ...live }, { ...wide })
  live.a50 = -1
  assert.equal((heap.root.get('wide') as Record<string, number>).a50, -1)
})
