// A página de criar uma conta.
import { avisar, irPara } from './aviso.js'

const socket = io()

document.getElementById('conta').addEventListener('submit', (evento) => {
  evento.preventDefault()
  const { nome, senha } = Object.fromEntries(new FormData(evento.target))
  avisar('Um momento…')
  socket.emit('cadastrar_usuario', { nome, senha })
})

socket.on('cadastro_sucesso', () => irPara('/entrar/', 'Conta criada! Agora é só entrar.'))
socket.on('usuario_ja_existente', () => avisar('Usuário já existe!'))
socket.on('cadastro_erro', () =>
  avisar('Não foi possível criar a conta. Tente outro nome, ou uma senha mais longa.'),
)
socket.on('erro', ({ mensagem }) => avisar(mensagem))
