//! Statements with a static text that are prepared once a connection.
//!
//! Diesel's own `sql_query` is prepared anew at every call; its DSL speaks of one table. A [`Statement`] is a
//! file under `src/sql/` with `$1 … $n` for its parameters; each place of a parameter becomes a bind of its
//! own, and every parameter is cast in the text, so that its type does not depend on what the planner infers.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;

/// A statement, its parameters and the types of its result columns.
pub(crate) trait Statement {
    /// The text.
    const SQL: &'static str;
    /// The SQL types of the result columns, as a tuple.
    type Columns;
    /// The type without its lifetime, under which the prepared statement is kept.
    type Key: 'static;

    /// Binds parameter `number`, counted from 1.
    ///
    /// # Errors
    /// An error of Diesel's where a value cannot be written; a number that the text does not use is a bug.
    fn bind<'b>(&'b self, number: usize, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

/// Makes a [`Statement`] a query of Diesel's.
pub(crate) struct Prepared<S>(pub(crate) S);

impl<S: Statement> Query for Prepared<S> {
    type SqlType = S::Columns;
}

impl<S: Statement> QueryId for Prepared<S> {
    type QueryId = Prepared<S::Key>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<S: Statement> QueryFragment<Pg> for Prepared<S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut rest = S::SQL;
        while let Some(at) = rest.find('$') {
            out.push_sql(&rest[..at]);
            rest = &rest[at + 1..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number =
                rest[..digits].parse().expect("a dollar sign in a statement is followed by a number");
            self.0.bind(number, out.reborrow())?;
            rest = &rest[digits..];
        }
        out.push_sql(rest);
        Ok(())
    }
}

/// For the last arm of a [`Statement::bind`].
pub(crate) fn unknown_parameter(number: usize) -> QueryResult<()> {
    Err(diesel::result::Error::QueryBuilderError(format!("the statement has no parameter ${number}").into()))
}
