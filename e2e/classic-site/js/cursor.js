// Para onde vai o cursor quando o texto à sua volta é trocado.

/** A posição que, em `depois`, fica entre as mesmas letras que `posicao` em `antes`. */
export function posicaoDepois(antes, depois, posicao) {
  const menor = Math.min(antes.length, depois.length)
  let noFim = 0
  while (noFim < menor && antes.at(-1 - noFim) === depois.at(-1 - noFim)) noFim++
  // Tudo o que vem depois do cursor ainda está lá: ele conserva a distância até o fim.
  if (posicao >= antes.length - noFim) return depois.length - (antes.length - posicao)

  // Senão, fica depois do que vinha antes dele e não mudou.
  let noComeco = 0
  while (noComeco < menor && antes[noComeco] === depois[noComeco]) noComeco++
  return Math.min(posicao, noComeco)
}
