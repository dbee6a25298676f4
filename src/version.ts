// leaf: the package's version. `npm run check` holds it against package.json.

export const VERSION: string = '0.1.0'
