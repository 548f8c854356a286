// Waits for a debugger on a socket, and serves it.
#pragma once

#include "debug/debug_target.hpp"
#include "debug/gdb_session.hpp"
#include "system/file_descriptor.hpp"

#include <string>

namespace twofold::vmm {

class GdbServer {
  public:
    /// `where` is a TCP port of the loopback interface (0: any that is free), or the path of a
    /// Unix socket, which must not exist yet. Throws UsageError and SystemFailure.
    explicit GdbServer(std::string const& where);
    ~GdbServer();
    GdbServer(GdbServer const&) = delete;
    GdbServer& operator=(GdbServer const&) = delete;

    /// What to say to GDB: target remote ADDRESS.
    [[nodiscard]] std::string const& address() const { return address_; }
    /// Waits for a debugger, and serves it, and no other, until the target is killed or has ended,
    /// or the debugger detached or is gone; the latter two let the target run on. `target` stands
    /// still.
    GdbSession::State serve(DebugTarget& target);
    /// For another thread: serve() tells the debugger of a stop that has come already, and returns.
    void end();

  private:
    void listen_on_port(std::uint16_t port);
    void listen_on_path(std::string const& path);

    FileDescriptor listener_;
    FileDescriptor end_;
    std::string address_;
    /// Of the socket's file, to be removed at the end.
    std::string path_;
};

} // namespace twofold::vmm
