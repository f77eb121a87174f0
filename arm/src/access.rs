//! Who may do what.

/// What a staff account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything but staff and the audit.
    Manager,
    /// Reads, answers people, and asks Robokassa about a payment.
    Support,
}

impl Role {
    /// All of them, the mightiest first.
    pub const ALL: [Role; 3] = [Role::Owner, Role::Manager, Role::Support];

    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Manager => "manager",
            Role::Support => "support",
        }
    }

    /// Reads the word; `None` for one that is not known.
    pub fn from_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Add, change, archive and restore products.
    pub const fn may_change_products(self) -> bool {
        matches!(self, Role::Owner | Role::Manager)
    }

    /// Make and change promo codes.
    pub const fn may_change_promos(self) -> bool {
        matches!(self, Role::Owner | Role::Manager)
    }

    /// Decide about payments: refunds, mismatches, deliveries by hand, balances.
    pub const fn may_decide_payments(self) -> bool {
        matches!(self, Role::Owner | Role::Manager)
    }

    /// Hand a failed job out again.
    pub const fn may_retry_tasks(self) -> bool {
        matches!(self, Role::Owner | Role::Manager)
    }

    /// Close the shop for maintenance, and open it again.
    pub const fn may_close_shop(self) -> bool {
        matches!(self, Role::Owner | Role::Manager)
    }

    /// Block people, and let them in again.
    pub const fn may_block(self) -> bool {
        matches!(self, Role::Owner | Role::Manager)
    }

    /// Add staff, disable them, give them new passwords.
    pub const fn may_manage_staff(self) -> bool {
        matches!(self, Role::Owner)
    }

    /// See who did what.
    pub const fn may_read_audit(self) -> bool {
        matches!(self, Role::Owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn support_reads_and_answers_only() {
        assert!(!Role::Support.may_change_products());
        assert!(!Role::Support.may_read_audit());
        assert!(!Role::Support.may_change_promos() && !Role::Support.may_decide_payments());
        assert!(!Role::Support.may_retry_tasks() && Role::Manager.may_retry_tasks());
        assert!(!Role::Support.may_block() && !Role::Support.may_manage_staff());
        assert!(Role::Manager.may_decide_payments() && Role::Manager.may_block());
        assert!(!Role::Manager.may_manage_staff() && Role::Owner.may_manage_staff());
        assert!(Role::Manager.may_change_products());
        assert!(!Role::Manager.may_read_audit());
        assert!(Role::Owner.may_read_audit());
    }

    #[test]
    fn an_unknown_role_is_none() {
        assert_eq!(Role::from_name("root"), None);
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.as_str()), Some(role));
        }
    }
}
