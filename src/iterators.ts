// leaf: what Map and Set give for their iterators, by whatever name the user's TypeScript calls it: MapIterator came with 5.6.

/** The iterator of a Map over `T`. */
export type MapIteration<T> = ReturnType<Map<unknown, T>['values']>

/** The iterator of a Set over `T`. */
export type SetIteration<T> = ReturnType<Set<T>['values']>
