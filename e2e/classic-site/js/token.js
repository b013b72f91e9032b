// Onde a página guarda quem entrou: um cookie que ela mesma escreve e lê.

/** Guarda o token por uma hora, o tempo que ele vale. */
export function guardarToken(token) {
  document.cookie = `token=${token}; path=/; max-age=3600; SameSite=Strict`
}

/** O token guardado, ou `undefined` se ninguém entrou. */
export function lerToken() {
  const cookie = document.cookie.split('; ').find((cada) => cada.startsWith('token='))
  // Separar no `=` só dá certo porque o token nunca contém um.
  return cookie?.split('=')[1]
}

/** Esquece o token: um cookie que já venceu é apagado pelo navegador. */
export function esquecerToken() {
  document.cookie = 'token=; path=/; max-age=0'
}
