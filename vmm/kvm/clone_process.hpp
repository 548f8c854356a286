// A clone in a process of its own: a child that lives for one guest, and gives its console and its
// report to the process that it was forked from.
#pragma once

#include "engine/engine.hpp"
#include "system/file_descriptor.hpp"

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace twofold::vmm::kvm {

/// What the child writes into its pipe: pieces, each with its kind and its length before it.
namespace piece {
inline constexpr char console = 'c';
inline constexpr char report = 'r';
/// The guest has come to its end, and nothing follows.
inline constexpr char end = 'e';
/// None is longer; text that is comes in several.
inline constexpr std::size_t longest = std::size_t{1} << 20;

std::string make(char kind, std::string_view text);
} // namespace piece

/// Takes a pipe's bytes apart again.
class PieceReader {
  public:
    /// False for bytes that no child of ours writes.
    [[nodiscard]] bool feed(std::string_view bytes,
                            std::function<void(char kind, std::string_view text)> const& sink);

  private:
    std::string held_;
};

/// Killed when it ends, and by the kernel when this process dies.
class CloneProcess {
  public:
    /// Forks; the calling process must have no other thread. In the child `live` runs the guest,
    /// writing to these sinks, and the process ends behind it.
    CloneProcess(std::uint64_t number, std::function<void(Sinks)> const& live);
    ~CloneProcess();
    CloneProcess(CloneProcess const&) = delete;
    CloneProcess& operator=(CloneProcess const&) = delete;

    [[nodiscard]] std::uint64_t number() const { return number_; }
    /// Readable when there is something to take, or the child is gone.
    [[nodiscard]] int descriptor() const { return pipe_.get(); }
    [[nodiscard]] bool ended() const { return ended_; }
    /// Gives what has come to `sinks`. Why the child is gone without its guest's end, if it is.
    std::optional<std::string> take(Sinks const& sinks);
    void kill();

  private:
    [[noreturn]] static void become(FileDescriptor const& pipe,
                                    std::function<void(Sinks)> const& live, pid_t parent);
    std::string wait();
    /// Waits for the process to end. Returns its status as waitpid(2) tells it.
    int reap();

    std::uint64_t number_;
    pid_t child_ = -1;
    FileDescriptor pipe_;
    PieceReader reader_;
    bool ended_ = false;
};

} // namespace twofold::vmm::kvm
