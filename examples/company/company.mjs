// The classes that both programs know. What is stored is their names and their attributes; the methods are each program's own.

export class Employee {
  constructor(name, salary) {
    this.name = name
    this.salary = salary
    this.boss = undefined
  }

  raise(percent) {
    this.salary += (this.salary * percent) / 100
    return this.salary
  }
}

export class Company {
  constructor(name, staff) {
    this.name = name
    this.staff = staff
    this.founded = new Date(0)
  }

  get payroll() {
    return this.staff.reduce((sum, { salary }) => sum + salary, 0)
  }

  hire(employee) {
    employee.boss = this.staff[0]
    this.staff.push(employee)
  }
}

export const classes = { Company, Employee }
