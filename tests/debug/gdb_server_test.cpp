// Debuggers that do not do as they should.
#include "debug/gdb_packet.hpp"
#include "debug/gdb_server.hpp"
#include "support/fake_debug_target.hpp"
#include "support/temporary_directory.hpp"
#include "system/failure.hpp"
#include "tests/catch.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>

namespace gdb_server_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::vmm;

namespace {

/// Sends what it likes.
class RawDebugger {
  public:
    explicit RawDebugger(std::string const& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        sockaddr_un name{};
        name.sun_family = AF_UNIX;
        std::memcpy(name.sun_path, path.data(), path.size());
        error_ = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0
                     ? 0
                     : errno;
    }
    /// 0, or why it could not connect.
    [[nodiscard]] int error() const { return error_; }
    void send(std::string_view bytes) const {
        REQUIRE(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(bytes.size()));
    }
    /// Sends `bytes` again and again, until nobody takes them any more.
    void flood(std::string_view bytes) const {
        pollfd waited{socket_.get(), POLLOUT, 0};
        while (::poll(&waited, 1, 200) == 1)
            (void)::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    /// What comes, up to `end`.
    [[nodiscard]] std::string read_to(std::string_view end) const {
        std::string all;
        while (!all.ends_with(end)) {
            char c = 0;
            if (::recv(socket_.get(), &c, 1, 0) != 1) break;
            all += c;
        }
        return all;
    }

  private:
    FileDescriptor socket_;
    int error_ = 0;
};

struct Served {
    TemporaryDirectory directory;
    std::string path = directory.file("socket");
    FakeDebugTarget target{looping_program()};
    GdbServer server{path};
    GdbSession::State state = GdbSession::State::stopped;
    std::thread thread{[this] { state = server.serve(target); }};

    void end() {
        server.end();
        thread.join();
    }
};

std::string const question = frame_gdb_packet("?");
std::string const stopped = frame_gdb_packet("T05thread:1;");

} // namespace

TEST_CASE("garbage is passed over, a packet that is too long is asked for again, and all goes on") {
    Served served;
    RawDebugger const gdb{served.path};
    gdb.send(std::string_view{"\xff\0garbage}}##+", 14});
    gdb.send(question);
    CHECK(gdb.read_to(stopped) == "+" + stopped);
    gdb.send(frame_gdb_packet(std::string(100'000, 'm')));
    CHECK(gdb.read_to("-") == "-");
    gdb.send("$?#zz$#00$$$?"); // wrong checksum, nothing, and a start thrice
    gdb.send(question.substr(2));
    CHECK(gdb.read_to(stopped) == "-+$#00+" + stopped);
    served.end();
    CHECK(served.target.running());
}

TEST_CASE("a debugger that sends half a packet and hangs does not hold the run's end up") {
    Served served;
    RawDebugger const gdb{served.path};
    gdb.send(question);
    (void)gdb.read_to(stopped);
    gdb.send("$m400000,");
    served.end();
    CHECK(served.state == GdbSession::State::detached);
}

TEST_CASE("a debugger that asks without end and reads nothing does not hold the run's end up") {
    Served served;
    RawDebugger const gdb{served.path};
    gdb.flood(frame_gdb_packet("g"));
    served.end();
    CHECK(served.target.running());
}

TEST_CASE("a second debugger is refused while the first is served") {
    Served served;
    RawDebugger const first{served.path};
    first.send(question);
    (void)first.read_to(stopped);
    CHECK(RawDebugger{served.path}.error() == ECONNREFUSED);
    served.end();
}

TEST_CASE("a port in use and a socket that is there are told with what would be right") {
    TemporaryDirectory const directory;
    auto const refusal = [](std::string const& where) -> std::string {
        try {
            GdbServer const server{where};
        } catch (SystemFailure const& failure) {
            return failure.what();
        }
        return {};
    };
    GdbServer const by_port{"0"};
    auto const port = by_port.address().substr(by_port.address().find(':') + 1);
    auto const taken = refusal(port);
    CHECK(taken.find("port " + port + " (0 takes any that is free)") != std::string::npos);
    CHECK(taken.find("in use") != std::string::npos);
    // Of a run that was killed.
    auto const path = directory.write("socket", "").string();
    CHECK(refusal(path).find(path + " (it is there already") != std::string::npos);
    CHECK(std::filesystem::exists(path));
}

} // namespace gdb_server_test
