// leaf: asking for spare stack before anything is taken.
//
// At the very end of the stack no function can be called, not even the one that would give a lock back. So whoever is about
// to take a lock, or to begin a change of several steps, asks first whether there is room for all that it will call. If not,
// the engine's own RangeError (Maximum call stack size exceeded) comes from here, and nothing has begun.
//
// How: a function whose frame would be as large as the room that is wanted. The engines compare the whole frame with the
// stack's end at the entry of a function, and optimized code compares the frame that the function would have if it were not
// optimized (V8: `GetStackCheckOffset`; JavaScriptCore: `requiredRegisterCountForExecutionAndExit`). So a hot call is one
// comparison, about 4 ns. Before it is optimized it fills the whole frame, about 3 µs: the first calls go round a loop in
// it, so that the engine finds it hot after some hundred calls; by calls alone it took up to 85,000.
//
// How much: a function that runs for the first time, or again after a long time, is compiled right there, and V8 demands
// 40 KB for that (`kStackSpaceRequiredForCompilation`), wherever it is.

/** Registers of 8 bytes: 64 KB, for taking something, using it, and giving it back. More would be too long for Node 20 to optimize. */
const TO_TAKE_WORDS = 8000
/** 52 KB, for giving it back: there wherever there was room to take it. */
const TO_LEAVE_WORDS = 6500

/** Turns of the loop in each of the first calls, and how many calls these are. */
const WARMING_TURNS = 300
const WARMING_CALLS = 2000

function withFrameOf(words: number): (never: number) => void {
  try {
    // Every variable that is mentioned has a register in the frame, where nothing ever comes by, too. (Arguments of a call
    // would count twice.) Behind the return no code is made for them: V8 waits longer before it optimizes longer functions,
    // which was a million calls with a declaration of each by `let`. It must not be so short that it is compiled into its
    // caller, whose frame would then count: V8 does that up to 460 bytes of code.
    const names = Array.from({ length: words }, (_, i) => `a${i.toString(36)}`)
    return new Function(
      `let cold = ${WARMING_CALLS}
      return function spareStack(never) { var ${names.join()}; if (cold > 0) { cold--; for (let turns = ${WARMING_TURNS}; turns > 0; turns--); } if (never > 0) { ${'never.x;'.repeat(200)} return a0 } return; ${names.join(';')} }`,
    )()
  } catch (error) {
    if (!(error instanceof EvalError)) throw error
    // Where code cannot be made from text: a microsecond for each time instead. No frame is smaller than six words.
    const recurse = (calls: number): void => {
      if (calls > 0) recurse(calls - 1)
    }
    return () => recurse(Math.ceil(words / 6))
  }
}

const toTake = withFrameOf(TO_TAKE_WORDS)
const toLeave = withFrameOf(TO_LEAVE_WORDS)

/**
 * Before taking a lock, or beginning a change: makes sure that the caller's way to its end will not run out of stack. What
 * users' functions do in between is their own matter: after them the caller has as much stack as before.
 *
 * @throws RangeError of the engine, when there is less than 64 KB left; nothing has begun then.
 */
export function spareStack(): void {
  toTake(0)
}

/**
 * Before giving a lock back on somebody's request, perhaps deeper in the stack than where it was taken.
 *
 * @throws RangeError of the engine, when there is less than 52 KB left; it is still held then.
 */
export function spareStackToLeave(): void {
  toLeave(0)
}
