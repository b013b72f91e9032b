// O que a página tem a dizer a quem a usa. O texto nunca é tratado como HTML.

const lugar = document.getElementById('aviso')

/** Mostra uma mensagem; vazia, apaga a anterior. */
export function avisar(mensagem) {
  lugar.textContent = mensagem
}

/** Vai a outra página, que mostrará a mensagem: cada página começa com a memória vazia. */
export function irPara(endereco, mensagem = '') {
  sessionStorage.setItem('aviso', mensagem)
  location.replace(endereco)
}

avisar(sessionStorage.getItem('aviso') ?? '')
sessionStorage.removeItem('aviso')
