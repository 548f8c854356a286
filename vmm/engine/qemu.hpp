// QEMU's translator: it boots the hypervisor, but has no VT-x. Where the processor has it, and
// nested KVM, guests run too.
#pragma once

#include "engine/engine.hpp"

#include <filesystem>
#include <optional>

namespace twofold::vmm {

struct QemuOptions {
    /// The hypervisor's bare image.
    std::filesystem::path hypervisor;
    std::string cpu_model = "max";
    /// Bytes; otherwise what the plan needs.
    std::optional<std::uint64_t> machine_memory = std::nullopt;
};

/// QEMU as found in PATH or named by TWOFOLD_QEMU.
std::string qemu_program();

class QemuEngine final : public Engine {
  public:
    static constexpr std::uint64_t largest_machine = std::uint64_t{16} << 30;

    explicit QemuEngine(QemuOptions options) : options_(std::move(options)) {}

    [[nodiscard]] std::string_view name() const override { return "qemu"; }
    [[nodiscard]] std::uint64_t machine_memory(LaunchPlan const& plan) const override;
    [[nodiscard]] std::unique_ptr<Run> start(LaunchPlan const& plan, Sinks sinks,
                                             EventLoop& loop) override;

  private:
    QemuOptions options_;
};

} // namespace twofold::vmm
