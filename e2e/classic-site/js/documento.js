// A página de um documento: o texto, quem está nele, e excluir.
import { irPara } from './aviso.js'
import { conectar } from './conexao.js'
import { posicaoDepois } from './cursor.js'

const editor = document.getElementById('editor')
const nome = new URLSearchParams(location.search).get('nome') ?? ''
document.getElementById('titulo').textContent = nome
document.title = nome

const socket = conectar()

// Chega também a cada reconexão: o novo socket ainda não está na sala do documento.
socket.on('autorizacao_sucesso', ({ nomeUsuario }) => {
  socket.emit('selecionar_documento', { nomeDocumento: nome, nomeUsuario }, (resposta) => {
    if (typeof resposta !== 'string') return irPara('/', resposta.erro)
    mostrar(resposta)
    editor.disabled = false
  })
})

// Cada tecla envia o texto inteiro. Quem o recebe não sabe o que mudou: é o servidor que descobre e junta.
editor.addEventListener('input', () => {
  socket.emit('texto_editor', { texto: editor.value, nomeDocumento: nome })
})
socket.on('texto_editor_clientes', mostrar)

socket.on('usuarios_no_documento', (nomes) => {
  const fichas = nomes.map((cada) => {
    const ficha = document.createElement('li')
    ficha.textContent = cada
    return ficha
  })
  document.getElementById('pessoas').replaceChildren(...fichas)
})
socket.on('usuario_ja_no_documento', () =>
  irPara('/', `Você já está com o documento ${nome} aberto em outro lugar.`),
)

document.getElementById('excluir').addEventListener('click', () => {
  if (confirm(`Excluir o documento ${nome} para todos?`)) socket.emit('excluir_documento', nome)
})
// A notícia vai para todos, também para quem está em outro documento.
socket.on('excluir_documento_sucesso', (excluido) => {
  if (excluido === nome) irPara('/', `O documento ${nome} foi excluído.`)
})

/** Troca o texto sem tirar o cursor do lugar em que a pessoa está. */
function mostrar(texto) {
  const { value: antes, selectionStart, selectionEnd } = editor
  if (texto === antes) return
  editor.value = texto
  editor.setSelectionRange(
    posicaoDepois(antes, texto, selectionStart),
    posicaoDepois(antes, texto, selectionEnd),
  )
}
