// A guest under KVM from its loading to its last record: one thread for each processor.
#pragma once

#include "engine/engine.hpp"
#include "kvm/board.hpp"
#include "kvm/guest_records.hpp"
#include "kvm/outbox.hpp"
#include "kvm/processor_group.hpp"
#include "kvm/userfault.hpp"

#include <filesystem>
#include <memory>
#include <optional>

namespace twofold::vmm::kvm {

/// Who brings in memory that is touched for the first time.
enum class LazyBy : std::uint8_t { kernel, userfault };

struct RunOptions {
    LazyBy lazy_by = LazyBy::kernel;
    /// 4 KiB pages around a fault that our own handler brings in.
    std::uint64_t fault_window = 16;
    BoardOptions board = {};
    /// seccomp and dropped privileges for the guest's thread.
    bool confined = true;
    /// A snapshot that the guest goes on from; its plan then only names it and limits its time.
    std::filesystem::path restore_from = {};
    /// Freeze the guest after so many exits, and save it to `save_to`.
    std::optional<std::uint64_t> freeze_after = std::nullopt;
    std::filesystem::path save_to = {};
};

class GuestRun final : public Run {
  public:
    /// Throws Failure, before the guest has run, for what can't be run here.
    GuestRun(GuestPlan const& plan, RunOptions const& options, Sinks sinks, EventLoop& loop);
    ~GuestRun() override;
    GuestRun(GuestRun const&) = delete;
    GuestRun& operator=(GuestRun const&) = delete;

    [[nodiscard]] bool finished() const override { return ended_.has_value(); }
    [[nodiscard]] std::optional<Clock::time_point> deadline() const override { return deadline_; }
    void tick() override;
    [[nodiscard]] Ending ending() override;

  private:
    /// What the guest consists of; the order is that of making.
    struct Parts;

    void prepare(GuestPlan const& plan);
    void start_thread();
    void on_outbox();
    void keep_results();

    RunOptions options_;

    Sinks sinks_;
    EventLoop& loop_;
    Clock::time_point started_ = Clock::now();
    std::optional<Clock::time_point> ended_;
    std::optional<Clock::time_point> deadline_;
    Outbox outbox_;
    std::unique_ptr<Parts> parts_;
};

} // namespace twofold::vmm::kvm
