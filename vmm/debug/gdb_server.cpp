#include "debug/gdb_server.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace twofold::vmm {

namespace {

FileDescriptor make_gdb_socket(int family) {
    FileDescriptor made{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!made.open()) throw SystemFailure{"can't make a socket for the debugger", errno};
    return made;
}

/// Waits for any of them, and says by `revents` for which.
void wait_for_any(std::span<pollfd> waited) {
    while (::poll(waited.data(), waited.size(), -1) < 0)
        if (errno != EINTR) throw SystemFailure{"can't wait for the debugger", errno};
}

/// Sends all of `bytes`. False when the debugger is gone, or does not take them and `end` can be
/// read.
bool send_to_debugger(int connection, int end, std::string_view bytes) {
    while (!bytes.empty()) {
        ssize_t const sent =
            ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return false;
        std::array<pollfd, 2> waited{pollfd{connection, POLLOUT, 0}, pollfd{end, POLLIN, 0}};
        wait_for_any(waited);
        if (waited[1].revents != 0) return false;
    }
    return true;
}

/// Gives the session what has arrived. False when the debugger is gone.
bool receive_from_debugger(int connection, GdbSession& session) {
    std::array<char, 4096> buffer;
    ssize_t const got = ::recv(connection, buffer.data(), buffer.size(), 0);
    if (got < 0) return errno == EINTR;
    if (got == 0) return false;
    session.receive({buffer.data(), static_cast<std::size_t>(got)});
    return true;
}

/// One wait and what follows from it. False when the debugger is gone, or `end` can be read.
bool serve_once(int connection, int end, DebugTarget& target, GdbSession& session) {
    bool const running = session.state() == GdbSession::State::running;
    std::array<pollfd, 3> waited{pollfd{connection, POLLIN, 0},
                                 pollfd{running ? target.stop_descriptor() : -1, POLLIN, 0},
                                 pollfd{end, POLLIN, 0}};
    wait_for_any(waited);
    if (waited[1].revents != 0) session.target_stopped();
    bool const there = waited[0].revents == 0 || receive_from_debugger(connection, session);
    return send_to_debugger(connection, end, session.take_output()) && there &&
           waited[2].revents == 0;
}

/// The debugger is gone: its target stands still before anything of it is touched. A target that
/// comes to its end meanwhile has `end` be readable, and needs no more.
void bring_to_a_stand(int end, DebugTarget& target, GdbSession& session) {
    if (session.state() != GdbSession::State::running) return;
    target.interrupt();
    std::array<pollfd, 2> waited{pollfd{target.stop_descriptor(), POLLIN, 0},
                                 pollfd{end, POLLIN, 0}};
    wait_for_any(waited);
    if (waited[0].revents != 0) session.target_stopped();
}

bool is_over(GdbSession::State state) {
    return state == GdbSession::State::detached || state == GdbSession::State::killed;
}

} // namespace

GdbServer::GdbServer(std::string const& where) : end_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (!end_.open()) throw SystemFailure{"can't make an event for the debugger", errno};
    bool const is_port =
        !where.empty() && std::ranges::all_of(where, [](char c) { return c >= '0' && c <= '9'; });
    if (!is_port) {
        listen_on_path(where);
        return;
    }
    if (where.size() > 5 || std::stoul(where) > 0xffff) {
        throw UsageError{fmt::format("port {} does not exist; the debugger's port is a number "
                                     "from 0 (any that is free) to 65535",
                                     where)};
    }
    listen_on_port(static_cast<std::uint16_t>(std::stoul(where)));
}

GdbServer::~GdbServer() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

void GdbServer::listen_on_port(std::uint16_t port) {
    listener_ = make_gdb_socket(AF_INET);
    int const on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof name;
    auto* const generic = reinterpret_cast<sockaddr*>(&name);
    if (::bind(listener_.get(), generic, length) != 0 || ::listen(listener_.get(), 1) != 0 ||
        ::getsockname(listener_.get(), generic, &length) != 0)
        throw SystemFailure{
            fmt::format("can't wait for a debugger on port {} (0 takes any that is free)", port),
            errno};
    address_ = fmt::format("127.0.0.1:{}", ntohs(name.sin_port));
}

void GdbServer::listen_on_path(std::string const& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof name.sun_path) {
        throw UsageError{fmt::format("\"{}\" can't be a socket's path: it must have 1 to {} bytes",
                                     path, sizeof name.sun_path - 1)};
    }
    std::memcpy(name.sun_path, path.data(), path.size());
    listener_ = make_gdb_socket(AF_UNIX);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) {
        std::string_view const remark =
            errno == EADDRINUSE
                ? " (it is there already: of a run that still waits, or of one that "
                  "was killed, then remove it)"
                : "";
        throw SystemFailure{fmt::format("can't make the debugger's socket {}{}", path, remark),
                            errno};
    }
    path_ = path;
    if (::listen(listener_.get(), 1) != 0)
        throw SystemFailure{fmt::format("can't wait for a debugger on {}", path), errno};
    address_ = path;
}

void GdbServer::end() { (void)eventfd_write(end_.get(), 1); }

GdbSession::State GdbServer::serve(DebugTarget& target) {
    std::array<pollfd, 2> waited{pollfd{listener_.get(), POLLIN, 0}, pollfd{end_.get(), POLLIN, 0}};
    wait_for_any(waited);
    if (waited[1].revents != 0) return GdbSession::State::detached;
    FileDescriptor const connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (!connection.open()) throw SystemFailure{"can't accept the debugger's connection", errno};
    // A second debugger is refused, not left waiting.
    listener_ = FileDescriptor{};
    int const on = 1;
    // Packets are short and wait for each other. Of no use to Unix sockets, which refuse it.
    ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);

    GdbSession session{target};
    while (serve_once(connection.get(), end_.get(), target, session))
        if (is_over(session.state())) return session.state();
    bring_to_a_stand(end_.get(), target, session);
    if (session.state() != GdbSession::State::ended && !is_over(session.state())) session.let_go();
    return session.state();
}

} // namespace twofold::vmm
