// A página de entrar: troca nome e senha por um token.
import { avisar, irPara } from './aviso.js'
import { guardarToken } from './token.js'

const socket = io()

document.getElementById('conta').addEventListener('submit', (evento) => {
  evento.preventDefault()
  const { nome, senha } = Object.fromEntries(new FormData(evento.target))
  avisar('Um momento…')
  socket.emit('autenticar_usuario', { nome, senha })
})

socket.on('autenticacao_sucesso', (token) => {
  guardarToken(token)
  irPara('/')
})
// Um servidor cuidadoso responde só `autenticacao_erro`: dizer qual dos dois está errado contaria quem tem conta.
socket.on('autenticacao_erro', () => avisar('Nome ou senha incorretos!'))
socket.on('usuario_nao_encontrado', () => avisar('Usuário não encontrado!'))
socket.on('erro', ({ mensagem }) => avisar(mensagem))
