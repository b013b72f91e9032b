// A página da lista: mostra os documentos, cria e acompanha o que os outros criam e excluem.
import { avisar, irPara } from './aviso.js'
import { conectar } from './conexao.js'
import { esquecerToken } from './token.js'

const lista = document.getElementById('documentos')
const novo = document.getElementById('novo')
const socket = conectar()
/** Cada documento pelo nome: a sua linha na página. */
const linhas = new Map()

// Chega também a cada reconexão: a lista é pedida de novo, pois pode ter mudado enquanto isso.
socket.on('autorizacao_sucesso', ({ nomeUsuario }) => {
  document.getElementById('nome').textContent = nomeUsuario
  socket.emit('obter_documentos', (documentos) => {
    if (!Array.isArray(documentos)) return
    linhas.clear()
    lista.replaceChildren()
    documentos.forEach(({ nome }) => acrescentar(nome))
    mostrarSeVazio()
  })
})

socket.on('adicionar_documento_interface', (nome) => {
  acrescentar(nome)
  mostrarSeVazio()
})
socket.on('excluir_documento_sucesso', (nome) => {
  linhas.get(nome)?.remove()
  linhas.delete(nome)
  mostrarSeVazio()
})
socket.on('documento_existente', (nome) => avisar(`O documento ${nome} já existe!`))

document.getElementById('criar').addEventListener('submit', (evento) => {
  evento.preventDefault()
  avisar('')
  socket.emit('adicionar_documento', novo.value)
  novo.value = ''
})

document.getElementById('sair').addEventListener('click', () => {
  esquecerToken()
  socket.disconnect()
  irPara('/entrar/', 'Você saiu.')
})

function acrescentar(nome) {
  if (linhas.has(nome)) return
  const link = document.createElement('a')
  // Um nome pode conter qualquer caractere: `&`, `#` ou `?` mudariam o endereço, `<` mudaria a página.
  link.href = `/documento/?nome=${encodeURIComponent(nome)}`
  link.textContent = nome
  const linha = document.createElement('li')
  linha.append(link)
  lista.append(linha)
  linhas.set(nome, linha)
}

function mostrarSeVazio() {
  document.getElementById('vazio').hidden = linhas.size > 0
}
